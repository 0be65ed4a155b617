/* Starts reveal.js, makes every slide fit its frame, and lets the reader choose light or dark. */
(() => {
  "use strict";

  const root = document.documentElement;
  const frame = document.querySelector(".reveal .slides");
  const asked = JSON.parse(document.getElementById("deck-options").textContent);
  const query = new URLSearchParams(location.search);
  const printing = query.has("print-pdf") || query.get("view") === "print";
  const atOnce = printing || asked.view === "scroll" || query.get("view") === "scroll";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const tall = matchMedia("(max-aspect-ratio: 4/5)");
  const preview = query.has("receiver"); // a frame of the speaker view: it shows what the room sees
  const isUpright = () => tall.matches && !printing && !preview;

  /** The slide in CSS pixels, before reveal.js scales it. A telephone held upright gets an upright slide. */
  const size = () =>
    isUpright()
      ? { width: 640, height: Math.round((640 * innerHeight) / innerWidth) }
      : { width: Number(asked.width) || 1280, height: Number(asked.height) || 720 };

  const settings = () => ({
    hash: true,
    progress: true,
    controls: true,
    controlsTutorial: false,
    slideNumber: "c/t",
    center: false,
    transition: "fade",
    transitionSpeed: "fast",
    pdfSeparateFragments: false,
    pdfMaxPagesPerSlide: 1,
    scrollActivationWidth: null, // a telephone turns pages as well; the upright slide is made for it
    ...asked,
    ...size(),
    margin: 0,
    ...(still ? { transition: "none", backgroundTransition: "none", autoAnimate: false } : {}),
  });

  /** The largest of `steps + 1` values between two for which a slide still fits, and leave it set. */
  const largest = (low, high, steps, set, fits) => {
    set(high);
    if (fits()) return true;
    for (let step = 0; step < steps; step++) {
      const middle = (low + high) / 2;
      set(middle);
      if (fits()) low = middle;
      else high = middle;
    }
    set(low);
    return fits();
  };

  // Paper cannot be scrolled, and a reader can zoom.
  const least = (scale) => (printing ? 0.15 : scale);

  /** Shrink what is too wide, then the pictures, then the words. What does not fit even then can be scrolled. */
  const fit = (slide, height) => {
    slide.style.removeProperty("--picture");
    slide.style.fontSize = "";
    slide.classList.remove("tall");
    slide.removeAttribute("tabindex");
    const fits = () => slide.offsetHeight <= height + 1;
    for (const line of slide.querySelectorAll(".fills-line")) {
      const around = getComputedStyle(line.parentElement);
      const room = line.parentElement.clientWidth - parseFloat(around.paddingLeft) - parseFloat(around.paddingRight);
      line.style.fontSize = "1em";
      line.style.fontSize = `${Math.min(room / Math.max(line.offsetWidth, 1), (0.8 * height) / line.offsetHeight)}em`;
    }
    for (const wide of slide.querySelectorAll("pre, table, div.math")) {
      wide.style.fontSize = "";
      wide.removeAttribute("tabindex");
      const around = getComputedStyle(wide.parentElement);
      const room = wide.parentElement.clientWidth - parseFloat(around.paddingLeft) - parseFloat(around.paddingRight);
      const own = parseFloat(getComputedStyle(wide).fontSize) / parseFloat(around.fontSize);
      const narrow = (scale) => (wide.style.fontSize = `${own * scale}em`);
      const within = () => wide.scrollWidth <= Math.max(wide.clientWidth, 1) + 1 && wide.offsetWidth <= room + 1;
      if (!largest(least(root.classList.contains("upright") ? 0.8 : 0.5), 1, 5, narrow, within)) {
        wide.tabIndex = 0; // it scrolls, so keys and fingers must reach it
        wide.dataset.preventSwipe = "";
      }
    }
    const picture = (pixels) => slide.style.setProperty("--picture", `${pixels}px`);
    const pictures = slide.querySelector("svg, img, video, canvas, iframe");
    if (pictures && largest(0.35 * height, height, 7, picture, fits)) return;
    const words = (scale) => (slide.style.fontSize = `${scale}em`);
    if (largest(least(0.55), 1, 6, words, fits)) return;
    slide.classList.add("tall");
    slide.tabIndex = 0;
  };

  /** How large a slide is: everything is fitted to that. */
  const layOut = () => {
    const { width, height } = size();
    root.style.setProperty("--slide-width", `${width}px`);
    root.style.setProperty("--slide-height", `${height}px`);
    root.style.setProperty("--base", `${isUpright() ? 32 : (34 * width) / 1280}px`);
    root.classList.toggle("upright", isUpright());
    unfitted = new Set(slides);
  };

  const slides = [...frame.querySelectorAll("section")].filter((section) => !section.querySelector("section"));
  let unfitted = new Set();

  /** Fit slides that are not, each laid out alone, until there is no time left; one at least. */
  const fitThese = (some, inTime = () => true) => {
    const waiting = some.filter((slide) => unfitted.has(slide));
    if (!waiting.length) return;
    frame.classList.add("measuring");
    for (const slide of waiting) {
      unfitted.delete(slide);
      const shown = [slide];
      while (shown[0].parentElement.matches("section")) shown.unshift(shown[0].parentElement);
      for (const section of shown) section.classList.add("measured");
      fit(slide, size().height);
      for (const section of shown) section.classList.remove("measured");
      if (!inTime()) break;
    }
    frame.classList.remove("measuring");
    if (!unfitted.size) performance.mark("deck-fitted");
  };

  const fitAll = () => fitThese(slides);

  /** Fit the slide that is shown, now, and the others while nothing else is to do. */
  const fitShown = () => {
    fitThese([Reveal.getCurrentSlide()]);
    if (!frame.classList.contains("fitted")) performance.mark("deck-shown");
    frame.classList.add("fitted");
    fitWhenIdle();
  };

  const whenIdle = (work) => {
    if (globalThis.requestIdleCallback) requestIdleCallback(work, { timeout: 300 });
    else setTimeout(() => work({ timeRemaining: () => 20 }), 50);
  };
  let waitingToFit = false;

  const fitNext = (deadline) => {
    waitingToFit = false;
    const at = slides.indexOf(Reveal.getCurrentSlide());
    const begun = performance.now();
    const inTime = () => deadline.timeRemaining() > 5 || performance.now() - begun < 10;
    fitThese([...slides.slice(at), ...slides.slice(0, at)], inTime);
    fitWhenIdle();
  };

  const fitWhenIdle = () => {
    if (waitingToFit || !unfitted.size) return;
    waitingToFit = true;
    whenIdle(fitNext);
  };

  const refit = (slide) => {
    unfitted.add(slide);
    if (slide === Reveal.getCurrentSlide()) fitThese([slide]);
    else fitWhenIdle();
  };

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);

  const does = {
    theme() {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("asrun-deck-theme", root.dataset.theme);
      } catch {} // a browser may keep no storage for files: the choice lasts as long as the page
    },
    notes: () => Reveal.getPlugin("notes").open(),
    help: () => Reveal.toggleHelp(),
  };

  const start = async () => {
    if (printing && !root.dataset.theme) root.dataset.theme = "light";
    if (preview) document.querySelector(".deck-bar").remove();
    // reveal.js stretches things to what is left beside a slide as high as the frame, which is nothing, and lines to
    // the width of a slide with its margins.
    for (const [theirs, ours] of [["stretch", "fills"], ["r-stretch", "fills"], ["r-fit-text", "fills-line"]]) {
      for (const element of frame.querySelectorAll(`.${theirs}`)) element.classList.replace(theirs, ours);
    }
    const steps = query.get("pdfSeparateFragments") ?? asked.pdfSeparateFragments ?? false;
    root.classList.toggle("at-once", printing && String(steps) !== "true");
    await document.fonts.ready;
    layOut();
    if (atOnce) {
      await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
      fitAll();
    }
    Reveal.on("ready", fitShown);
    Reveal.on("slidechanged", fitShown);
    Reveal.on("overviewshown", fitAll);
    await Reveal.initialize({ ...settings(), plugins: [RevealNotes, RevealSearch, RevealZoom] });
    // What arrives later, such as a picture, may need more room than there was.
    const arrived = ({ target }) => {
      const slide = target.closest?.(".slides section");
      if (slide && !slide.matches(".stack")) refit(slide);
    };
    if (!atOnce) for (const type of ["load", "loadedmetadata"]) frame.addEventListener(type, arrived, true);
    Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" }, does.theme);
    addEventListener("resize", () => {
      if (printing) return;
      layOut();
      Reveal.configure(size());
      if (atOnce || Reveal.isOverview()) fitAll();
      fitShown();
    });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-does]");
    if (!button) return;
    does[button.dataset.does]();
    button.blur(); // the space bar turns pages again
  });
  /** Ask another host for what the reader wants to see from there. */
  const bring = (element) => {
    for (const { name, value } of [...element.attributes]) {
      if (name.startsWith("data-ask-background")) element.setAttribute(name.replace("data-ask-", "data-"), value);
      else if (name.startsWith("data-ask-")) element.setAttribute(name.slice("data-ask-".length), value);
    }
  };
  // A frame, a picture or a background from elsewhere is asked for by whoever wants it, and by nobody else.
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".ask");
    if (!button) return;
    const slide = button.closest("section");
    const brought = button.previousElementSibling;
    button.remove();
    if (button.matches(".ground")) {
      bring(slide);
      Reveal.syncSlide(slide);
      return;
    }
    [brought, ...brought.querySelectorAll("*")].forEach(bring);
    if (brought.matches("iframe")) brought.focus();
  });
  // A tab chosen with the mouse gives the arrow keys back to the deck.
  document.addEventListener("change", (event) => {
    if (event.target.matches(".tabbed-set > input:not(:focus-visible)")) event.target.blur();
  });

  start();
})();
