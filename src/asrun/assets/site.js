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
if (document.querySelector(".asrun-quiz, .asrun-exercise")) {
  const beside = (name) => new URL(name, document.currentScript.src).href;
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: beside("quiz.css") });
  const script = document.createElement("script");
  script.src = beside("quiz.js");
  document.head.append(style, script);
}
