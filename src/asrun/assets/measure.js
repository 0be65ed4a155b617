/* Measures the slides of an open deck: what overflows its frame, and what is too small to be read. */
async ({ least, scrolls }) => {
  const SMALL_PRINT = ".asrun-provenance, .asrun-source, figcaption, svg, sub, sup, .ask, aside.notes";
  const BLOCK = "pre, p, li, td, th, dd, dt, summary, h1, h2, h3, h4, h5, h6";
  const frame = document.querySelector(".reveal .slides");
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));

  const words = (element) => {
    const text = element.textContent.trim().replace(/\s+/g, " ");
    return text.length > 40 ? `${text.slice(0, 40).trim()}…` : text;
  };

  const isClipped = (element, slide) => {
    for (let around = element.parentElement; around && around !== slide; around = around.parentElement) {
      if (getComputedStyle(around).overflowX !== "visible") return true;
    }
    return false;
  };

  /** What stands out of the frame, though nothing scrolls it there. */
  const outside = (slide) => {
    const { left, right, top, bottom } = frame.getBoundingClientRect();
    return [...slide.querySelectorAll("*")].find((element) => {
      if (element.closest("aside.notes, svg *, math *") || !element.checkVisibility()) return false;
      const box = element.getBoundingClientRect();
      const within = box.left >= left - 2 && box.right <= right + 2 && box.top >= top - 2 && box.bottom <= bottom + 2;
      return box.width && box.height && !within && !isClipped(element, slide);
    });
  };

  /** The smallest words, in pixels of the screen. */
  const smallest = (slide, scale) => {
    let found = { size: Infinity, text: "" };
    const texts = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const within = texts.currentNode.parentElement;
      const element = within.closest("math") ?? within; // an exponent is meant to be small
      if (!texts.currentNode.data.trim() || element.closest(SMALL_PRINT) || !element.checkVisibility()) continue;
      const size = parseFloat(getComputedStyle(element).fontSize) * scale;
      if (size < found.size) found = { size, text: words(element.closest(BLOCK) ?? element) };
    }
    return found;
  };

  const measured = [];
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, 999);
    await pause(30);
    const scrolling = [...slide.querySelectorAll("pre[tabindex], table[tabindex], div.math[tabindex]")];
    const wide = scrolls ? undefined : scrolling.find((element) => element.scrollWidth > element.clientWidth + 1);
    const small = smallest(slide, Reveal.getScale());
    const out = slide.matches(".tall") ? undefined : outside(slide);
    measured.push({
      tall: slide.matches(".tall"),
      wide: wide && words(wide),
      outside: out && (words(out) || `<${out.localName}>`),
      small: small.size < least ? small.text : undefined,
      pixels: Math.round(small.size * 10) / 10,
    });
  }
  return measured;
};
