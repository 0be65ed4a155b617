// What the theme leaves without a name of its own, for those who listen to a page.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

const text = (element) => element?.textContent.trim().replace(/\s+/g, " ");

function nameLandmarks() {
  const seen = new Map();
  for (const nav of document.querySelectorAll("nav")) {
    nav.dataset.name ||=
      nav.getAttribute("aria-label")?.trim() ||
      text(document.getElementById(nav.getAttribute("aria-labelledby"))) ||
      text(nav.querySelector(".md-nav__title")) ||
      "Actions";
    const count = (seen.get(nav.dataset.name) ?? 0) + 1;
    seen.set(nav.dataset.name, count);
    nav.removeAttribute("aria-labelledby");
    nav.setAttribute("aria-label", count > 1 ? `${nav.dataset.name} ${count}` : nav.dataset.name);
  }
}

nameLandmarks();
// Code that scrolls sideways must be reachable from the keyboard.
for (const code of document.querySelectorAll(".jupyter-wrapper .highlight-ipynb, .jupyter-wrapper pre")) {
  if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
}
// The theme adds the copy buttons of code later.
new MutationObserver(nameLandmarks).observe(document.body, { childList: true, subtree: true });

// Questions and exercises bring their own style and script, to the pages that have any.
if (document.querySelector(".asrun-asking")) {
  const beside = (name) => new URL(name, document.currentScript.src).href;
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: beside("quiz.css") });
  const script = document.createElement("script");
  script.src = beside("quiz.js");
  document.head.append(style, script);
}

// A look at a deck: the deck itself, small and out of reach of keys and pointers, once it comes into view.
const looked = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      looked.unobserve(target);
      const frame = document.createElement("iframe");
      const quiet = "receiver&controls=false&progress=false&slideNumber=false&transition=none&history=false";
      const deck = target.closest(".asrun-deck").querySelector("h2 a").href;
      Object.assign(frame, { inert: true, tabIndex: -1, title: target.getAttribute("aria-label"), src: `${deck}?${quiet}#${target.dataset.slide}` });
      target.append(frame);
    }
  },
  { rootMargin: "200px" },
);
for (const preview of document.querySelectorAll(".asrun-deck-preview")) looked.observe(preview);
