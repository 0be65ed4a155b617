/* Starts reveal.js, makes every slide fit its frame, and lets the reader choose light or dark. */
(() => {
  "use strict";

  const root = document.documentElement;
  const frame = document.querySelector(".reveal .slides");
  const asked = JSON.parse(document.getElementById("deck-options").textContent);
  const query = new URLSearchParams(location.search);
  const printing = query.has("print-pdf") || query.get("view") === "print";
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

  /** Shrink what is too wide, then the pictures, then the words. What does not fit even then can be scrolled. */
  const fit = (slide, height) => {
    slide.style.removeProperty("--picture");
    slide.style.fontSize = "";
    slide.classList.remove("tall");
    slide.removeAttribute("tabindex");
    const fits = () => slide.offsetHeight <= height + 1;
    for (const wide of slide.querySelectorAll("pre, table, div.math")) {
      wide.style.fontSize = "";
      wide.removeAttribute("tabindex");
      const around = getComputedStyle(wide.parentElement);
      const room = wide.parentElement.clientWidth - parseFloat(around.paddingLeft) - parseFloat(around.paddingRight);
      const own = parseFloat(getComputedStyle(wide).fontSize) / parseFloat(around.fontSize);
      const narrow = (scale) => (wide.style.fontSize = `${own * scale}em`);
      const within = () => wide.scrollWidth <= Math.max(wide.clientWidth, 1) + 1 && wide.offsetWidth <= room + 1;
      if (!largest(root.classList.contains("upright") ? 0.8 : 0.5, 1, 5, narrow, within)) {
        wide.tabIndex = 0; // it scrolls, so keys and fingers must reach it
        wide.dataset.preventSwipe = "";
      }
    }
    const picture = (pixels) => slide.style.setProperty("--picture", `${pixels}px`);
    const pictures = slide.querySelector("svg, img, video, canvas, iframe");
    if (pictures && largest(0.35 * height, height, 7, picture, fits)) return;
    const words = (scale) => (slide.style.fontSize = `${scale}em`);
    if (largest(0.55, 1, 6, words, fits)) return;
    slide.classList.add("tall");
    slide.tabIndex = 0;
  };

  const fitAll = () => {
    const { width, height } = size();
    root.style.setProperty("--slide-width", `${width}px`);
    root.style.setProperty("--slide-height", `${height}px`);
    root.style.setProperty("--base", `${isUpright() ? 32 : (34 * width) / 1280}px`);
    root.classList.toggle("upright", isUpright());
    frame.classList.add("measuring");
    for (const slide of frame.querySelectorAll("section")) {
      if (!slide.querySelector("section, .r-stretch")) fit(slide, height);
    }
    frame.classList.remove("measuring");
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
    await document.fonts.ready;
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
    fitAll();
    await Reveal.initialize({ ...settings(), plugins: [RevealNotes, RevealSearch, RevealZoom] });
    Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" }, does.theme);
    addEventListener("resize", () => {
      if (printing) return;
      fitAll();
      Reveal.configure(size());
    });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-does]");
    if (!button) return;
    does[button.dataset.does]();
    button.blur(); // the space bar turns pages again
  });
  // A frame from elsewhere is asked for by whoever wants it, and by nobody else.
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".ask");
    if (!button) return;
    const frame = button.previousElementSibling;
    frame.src = frame.dataset.askSrc;
    button.remove();
    frame.focus();
  });
  // A tab chosen with the mouse gives the arrow keys back to the deck.
  document.addEventListener("change", (event) => {
    if (event.target.matches(".tabbed-set > input:not(:focus-visible)")) event.target.blur();
  });

  start();
})();
