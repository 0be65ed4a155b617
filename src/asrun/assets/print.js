/* Makes what reveal.js laid out for paper fit to be a document: links that lead somewhere, slides that are read aloud. */
(() => {
  "use strict";

  const PAPER = 676; // what A4 leaves between margins and the slide's frame, in CSS pixels
  const pages = () => [...document.querySelectorAll(".pdf-page")];
  const make = (tag, name, ...children) => {
    const made = document.createElement(tag);
    made.className = name;
    made.append(...children);
    return made;
  };

  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // a percent sign that means itself
    }
  };

  /** Note which slide is where, before reveal.js takes the stacks apart. */
  const place = () => {
    document.querySelectorAll(".slides > section").forEach((stack, across) => {
      const under = stack.querySelectorAll(":scope > section");
      (under.length ? [...under] : [stack]).forEach((slide, down) => (slide.dataset.place = `${across}/${down}`));
    });
  };

  /** The slide that `#/3/1` or `#/name` leads to. */
  const target = (hash) => {
    const [first, second] = decoded(hash).slice(2).split("/");
    const at = `${Number(first) || 0}/${Number(second) || 0}`;
    return document.getElementById(first) ?? document.querySelector(`[data-place="${at}"]`);
  };

  /** Links within the deck lead to pages, those to other hosts stay; all others would name this machine's files. */
  const mendLink = (link, base) => {
    const href = link.getAttribute("href");
    if (/^(https?|mailto):/i.test(href)) return;
    if (href.startsWith("#/")) {
      const slide = target(href);
      if (slide) slide.id ||= `slide-${slide.dataset.place}`;
      if (slide) return link.setAttribute("href", `#${slide.id}`);
    } else if (href.startsWith("#")) {
      if (document.getElementById(decoded(href.slice(1)))) return;
    } else if (base && URL.canParse(href, base)) return (link.href = new URL(href, base).href);
    link.replaceWith(...link.childNodes);
  };

  /** What a reader would have to ask another host for cannot be on paper: its address can. */
  const mendAsking = (button) => {
    const asking = button.previousElementSibling;
    const address = [...(asking?.attributes ?? [])].find(({ name }) => name.startsWith("data-ask-"))?.value;
    if (!address) return button.remove(); // that of a background
    const link = make("a", "", asking.getAttribute("alt") || asking.getAttribute("title") || address);
    link.href = address.startsWith("//") ? `https:${address}` : address;
    (button.closest(".asks") ?? button).replaceWith(link);
  };

  const prepare = (base) => {
    // reveal.js hides all slides but one from screen readers; on paper they all are there.
    for (const slide of document.querySelectorAll(".pdf-page > section")) {
      slide.removeAttribute("aria-hidden");
      slide.removeAttribute("hidden");
    }
    // The drawing in a figure has the text alternative: a figure around it would be one without.
    document.querySelectorAll("figure").forEach((figure) => (figure.role = "group"));
    document.querySelectorAll("button.ask").forEach(mendAsking);
    document.querySelectorAll(".slides a[href]").forEach((link) => mendLink(link, base));
  };

  /** A page of the handout: the slide, and its notes beneath. */
  const article = (page) => {
    const slide = page.querySelector("section");
    const notes = make("div", "handout-notes");
    notes.dataset.theme = "light";
    const written = slide.querySelector("aside.notes");
    if (written) notes.append(...written.childNodes);
    else notes.textContent = slide.dataset.notes || "";
    const whole = make("article", "handout");
    page.replaceWith(whole);
    whole.append(page, notes);
  };

  const handout = () => {
    const title = CSS.escape(document.title);
    document.head.append(make("style", "", `@page { @bottom-left { content: "${title}"; } }`));
    const { width } = Reveal.getConfig();
    document.documentElement.style.setProperty("--handout-width", `${width}px`);
    document.documentElement.style.setProperty("--handout-zoom", String(PAPER / width));
    document.documentElement.classList.add("handout-pages");
    pages().forEach(article);
  };

  addEventListener("DOMContentLoaded", place);
  addEventListener("pdf-ready", () => (window.asrunPrint.ready = true));
  window.asrunPrint = { prepare, handout };
})();
