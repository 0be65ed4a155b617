/* Makes the questions of a page something to answer. Without it they stand there with their answers folded away. */
(() => {
  "use strict";

  const PREFIX = "asrun-quiz:";
  const deck = !!document.querySelector(".reveal .slides");

  /** A browser may keep no storage for files, or for anyone: then nothing is remembered. */
  const memory = {
    works: (() => {
      try {
        localStorage.setItem(PREFIX, "");
        localStorage.removeItem(PREFIX);
        return true;
      } catch {
        return false;
      }
    })(),
    get(key) {
      try {
        return JSON.parse(localStorage.getItem(PREFIX + key));
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        if (value) localStorage.setItem(PREFIX + key, JSON.stringify(value));
        else localStorage.removeItem(PREFIX + key);
      } catch {}
    },
    clear() {
      try {
        Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).forEach((key) => localStorage.removeItem(key));
      } catch {}
    },
  };

  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  };
  const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const button = (text, attributes = {}) => make("button", { type: "button", ...attributes }, text);
  const write = (value) => {
    const shown = Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(value < 0.1 && value > -0.1 ? 2 : 3));
    return String(shown).replace("-", "\u2212");
  };
  const feedback = (quiz, at) => quiz.querySelectorAll(`.asrun-answer .asrun-feedback[data-for="${at}"]`);

  // Each kind makes its controls, and says how to read, restore and judge an answer.

  const choice = (quiz, data) => {
    const several = data.right.length > 1;
    const items = [...quiz.querySelectorAll(".asrun-choices > li")];
    const inputs = items.map((item, at) => {
      const input = make("input", { type: several ? "checkbox" : "radio", name: quiz.id, value: at });
      item.append(make("label", {}, input, ...item.childNodes));
      return input;
    });
    return {
      hint: several ? "More than one is right." : "",
      ask: "Choose first.",
      get: () => {
        const chosen = inputs.flatMap((input, at) => (input.checked ? [at] : []));
        return chosen.length ? chosen : null;
      },
      set: (chosen) => inputs.forEach((input, at) => (input.checked = !!chosen?.includes(at))),
      lock: (locked) => inputs.forEach((input) => (input.disabled = locked)),
      mark: (chosen) =>
        items.forEach((item, at) => (item.dataset.mark = chosen?.includes(at) ? (data.right.includes(at) ? "right" : "wrong") : "")),
      judge(chosen) {
        const wrong = chosen.filter((at) => !data.right.includes(at));
        const missing = data.right.filter((at) => !chosen.includes(at)).length;
        const right = !wrong.length && !missing;
        const count = [wrong.length && `${wrong.length} of your choices ${wrong.length > 1 ? "are" : "is"} wrong`, missing && `${missing} that ${missing > 1 ? "are" : "is"} right ${missing > 1 ? "are" : "is"} missing`];
        const words = right || !several ? "" : `${count.filter(Boolean).join(", and ")}.`;
        return { right, words, said: (right ? chosen : wrong).flatMap((at) => [...feedback(quiz, at)]) };
      },
    };
  };

  const number = (quiz, data) => {
    const input = make("input", { type: "text", inputmode: "decimal", autocomplete: "off", size: 10, "aria-describedby": `${quiz.id}-verdict` });
    quiz.controls.append(make("label", {}, "Your answer ", input, data.unit ? ` ${data.unit}` : ""));
    let at = 0;
    const draw = (to) => {
      at = to;
      const { draw, shown } = data.cases[at];
      quiz.querySelectorAll("[data-drawn]").forEach((place) => (place.textContent = draw[place.dataset.drawn]));
      quiz.querySelectorAll("[data-answer]").forEach((place) => (place.textContent = shown[0]));
      quiz.querySelectorAll("[data-wrong]").forEach((place) => (place.textContent = shown[1 + Number(place.dataset.wrong)]));
    };
    /** A decimal comma is as good as a point; what could be a thousand as well is asked about. */
    const read = (text) => {
      const bare = text.replace(/[\s%]/g, "").replace("\u2212", "-").replace(/[a-z]+$/i, "");
      return /^-?[1-9]\d{0,2}(,\d{3})+$/.test(bare) || !/\d/.test(bare) ? NaN : Number(bare.replace(",", "."));
    };
    const near = (one, other, tolerance) => Math.abs(one - other) <= tolerance + 1e-9 * Math.abs(other);
    return {
      ask: "Write a number, such as 0.25 or 12000.",
      get: () => (Number.isFinite(read(input.value)) ? [at, input.value] : null),
      set(kept) {
        draw(kept?.[0] < data.cases.length ? kept[0] : Math.floor(Math.random() * data.cases.length));
        input.value = kept?.[1] ?? "";
      },
      lock: (locked) => (input.readOnly = locked),
      judge() {
        const { answer, tolerance, wrong } = data.cases[at];
        const given = read(input.value);
        const known = wrong.findIndex((each) => near(given, each, tolerance));
        const right = near(given, answer, tolerance);
        return { right, words: "", said: right || known < 0 ? [] : [...feedback(quiz, known)] };
      },
      again: data.cases.length > 1 ? "Other numbers" : "",
    };
  };

  const order = (quiz) => {
    const list = quiz.querySelector(".asrun-steps");
    const given = [...list.children];
    const texts = given.map((item) => item.textContent.trim().replace(/\s+/g, " "));
    let locked = false;
    let touched = false;
    let held = null;
    const name = (item) => texts[given.indexOf(item)];
    const arrange = () => {
      for (const item of given) {
        item.up.disabled = locked || !item.previousElementSibling;
        item.down.disabled = locked || !item.nextElementSibling;
      }
    };
    const move = (item, before) => {
      touched = true;
      list.insertBefore(item, before);
      arrange();
      quiz.say(`${name(item)}: now ${[...list.children].indexOf(item) + 1} of ${given.length}.`);
    };
    const step = (item, pressed, other, before) => {
      move(item, before);
      (pressed.disabled ? other : pressed).focus();
    };
    for (const item of given) {
      item.up = button("↑", { "aria-label": `Move up: ${name(item)}` });
      item.down = button("↓", { "aria-label": `Move down: ${name(item)}` });
      item.up.onclick = () => step(item, item.up, item.down, item.previousElementSibling);
      item.down.onclick = () => step(item, item.down, item.up, item.nextElementSibling.nextElementSibling);
      const grip = make("span", { class: "asrun-grip", "aria-hidden": "true" }, "⠿");
      grip.onpointerdown = (event) => {
        if (locked) return;
        held = item;
        list.setPointerCapture(event.pointerId); // the item itself leaves the page for a moment when it moves
        event.preventDefault();
      };
      item.prepend(grip);
      item.append(make("span", { class: "asrun-moves" }, item.up, item.down));
    }
    list.onpointermove = ({ clientY }) => {
      if (!held) return;
      const over = [...list.children].find((each) => clientY < each.getBoundingClientRect().bottom) ?? list.lastElementChild;
      if (over !== held) move(held, held.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING ? over.nextSibling : over);
    };
    list.onlostpointercapture = () => (held = null);
    return {
      ask: "Move something first.",
      get: () => (touched ? [...list.children].map((item) => Number(item.dataset.item)) : null),
      set(kept) {
        touched = !!kept;
        list.append(...(kept ? kept.flatMap((at) => given.filter((item) => Number(item.dataset.item) === at)) : given));
        arrange();
      },
      lock(to) {
        locked = to;
        arrange();
      },
      judge(items) {
        const place = items.filter((item, at) => item === at).length;
        const first = items.findIndex((item, at) => item !== at);
        const wrong = given.find((item) => Number(item.dataset.item) === items[first]);
        return {
          right: first < 0,
          words: first < 0 ? "" : `${place} of ${items.length} are in their place. The first that is not: \u201c${name(wrong)}\u201d.`,
          said: first < 0 ? [] : [...feedback(quiz, items[first])],
        };
      },
    };
  };

  const curve = (quiz, data) => {
    const [low, high] = data.range;
    const [left, right, top, bottom] = [58, 466, 36, 252];
    const scale = (value) => (data.log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low));
    const value = (share) => (data.log ? low * (high / low) ** share : low + (high - low) * share);
    const all = [...data.at, ...data.published.map(([at]) => at)];
    const [first, last] = [Math.min(...all), Math.max(...all)];
    // Points from 100 to 10 000 are meant to be looked at by their ratio.
    const along = first > 0 && last / first >= 30 ? Math.log : (at) => at;
    const x = (at) => left + 12 + ((right - left - 24) * (along(at) - along(first))) / (along(last) - along(first));
    const y = (each) => bottom - (bottom - top) * scale(each);
    const unit = data.unit ? (data.unit === "%" ? "\u202f%" : ` ${data.unit}`) : "";
    let touched = false;

    const text = (at, over, anchor, words, more = {}) => svg("text", { x: at, y: over, "text-anchor": anchor, ...more }, words);
    const line = (points, attributes) => svg("polyline", { points: points.map((each) => each.join()).join(" "), fill: "none", ...attributes });
    const decades = Math.log10(high / low);
    const steps = decades > 3 ? [1] : [1, 2, 5];
    const ticks = data.log
      ? Array.from({ length: Math.ceil(decades) + 2 }, (_, at) => 10 ** (Math.floor(Math.log10(low)) + at))
          .flatMap((decade) => steps.map((each) => each * decade))
          .filter((each) => each >= low * 0.999 && each <= high * 1.001)
      : [0, 0.25, 0.5, 0.75, 1].map(value);
    const axes = svg("g", { class: "asrun-axes" });
    for (const each of ticks) axes.append(line([[left, y(each)], [right, y(each)]], {}), text(left - 6, y(each) + 4, "end", write(each)));
    let free = 0;
    data.labels.forEach((label, at) => {
      const half = 4 * label.length + 3; // about: the text is not measured before it is shown
      if (x(data.at[at]) - half < free) return;
      free = x(data.at[at]) + half;
      axes.append(text(x(data.at[at]), bottom + 18, "middle", label));
    });
    axes.append(text((left + right) / 2, bottom + 38, "middle", data.across), text(left - 46, top - 20, "start", data.up + (data.unit ? `, ${data.unit}` : "")));

    const guess = svg("g", { class: "asrun-guess" });
    const truth = svg("g", { class: "asrun-truth" });
    const plot = svg("svg", { viewBox: "0 0 480 298", role: "img", "aria-label": `${data.up} against ${data.across}: your curve`, "data-prevent-swipe": "" }, axes, truth, guess);
    const legend = make("p", { class: "asrun-legend" });
    const entry = (kind, words) => make("span", {}, svg("svg", { viewBox: "0 0 28 12", class: kind, "aria-hidden": "true" }, line([[2, 6], [26, 6]], {})), words);
    const sliders = data.labels.map((label) => {
      const output = make("span", { class: "asrun-setting", "aria-hidden": "true" }); // the slider says it itself
      const input = make("input", { type: "range", min: 0, max: 200, value: 100 });
      input.oninput = () => {
        touched = true;
        draw();
      };
      return { input, output, row: make("label", {}, make("span", {}, `${data.across} ${label}`), input, output) };
    });
    const values = () => sliders.map(({ input }) => value(input.value / 200));
    const draw = () => {
      const now = values();
      sliders.forEach(({ input, output }, at) => {
        output.textContent = write(now[at]) + unit;
        input.setAttribute("aria-valuetext", write(now[at]) + unit);
      });
      const points = now.map((each, at) => [x(data.at[at]), y(each)]);
      guess.replaceChildren(line(points, {}), ...points.map(([cx, cy]) => svg("circle", { cx, cy, r: 5 })));
    };
    const drag = (event) => {
      if (!plot.hasPointerCapture(event.pointerId)) return;
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
      const gaps = data.at.map((at) => Math.abs(x(at) - point.x));
      sliders[gaps.indexOf(Math.min(...gaps))].input.value = Math.round((200 * (bottom - point.y)) / (bottom - top));
      touched = true;
      draw();
    };
    plot.onpointerdown = (event) => {
      if (sliders[0].input.disabled) return;
      plot.setPointerCapture(event.pointerId);
      drag(event);
    };
    plot.onpointermove = drag;
    quiz.controls.append(make("div", { class: "asrun-plot" }, plot, legend), make("div", { class: "asrun-sliders" }, ...sliders.map(({ row }) => row)));

    const reveal = () => {
      const band = [...data.high.map((each, at) => [x(data.at[at]), y(each)]), ...data.low.map((each, at) => [x(data.at[at]), y(each)]).reverse()];
      const points = data.mean.map((each, at) => [x(data.at[at]), y(each)]);
      const theirs = data.published.map(([at, each]) => [x(at), y(each)]);
      truth.replaceChildren(
        svg("polygon", { class: "asrun-band", points: band.map((each) => each.join()).join(" ") }),
        svg("g", { class: "asrun-published" }, line(theirs, {})),
        svg("g", { class: "asrun-measured" }, line(points, {}), ...points.map(([at, over]) => svg("rect", { x: at - 3.5, y: over - 3.5, width: 7, height: 7 }))),
      );
      legend.replaceChildren(
        entry("asrun-guess", "your guess"),
        entry("asrun-measured", data.spread ? "measured here, lowest to highest seed" : "measured here"),
        ...(data.published.length ? [entry("asrun-published", data.source)] : []),
      );
      plot.setAttribute("aria-label", `${data.up} against ${data.across}: your curve and the measured one`);
    };
    return {
      check: "Show what was measured",
      ask: "Set your points first: with the sliders, or in the drawing.",
      get: () => (touched ? sliders.map(({ input }) => Number(input.value)) : null),
      set(kept) {
        touched = !!kept;
        sliders.forEach(({ input }, at) => (input.value = kept?.[at] ?? 100));
        truth.replaceChildren();
        legend.replaceChildren();
        draw();
      },
      lock: (locked) => sliders.forEach(({ input }) => (input.disabled = locked)),
      judge() {
        reveal();
        const now = values();
        const away = now.map((each, at) => Math.abs(each - data.mean[at]));
        const worst = away.indexOf(Math.max(...away));
        const mean = away.reduce((sum, each) => sum + each) / away.length;
        const factor = Math.exp(now.reduce((sum, each, at) => sum + Math.abs(Math.log(each / data.mean[at])), 0) / now.length);
        const words = [
          `On average, your points are ${write(mean)}${unit} away from the measured ones${data.log ? `, a factor of ${write(factor)}` : ""}.`,
          `Furthest off: ${data.across} ${data.labels[worst]}, where you said ${write(now[worst])}${unit} and ${write(data.mean[worst])}${unit} was measured.`,
        ];
        return { right: null, words: words.join(" "), said: [] };
      },
    };
  };

  const kinds = { choice, number, order, curve };
  const quizzes = [...document.querySelectorAll(".asrun-quiz")].filter((quiz) => quiz.querySelector(":scope > div > script"));

  const enhance = (quiz) => {
    const data = JSON.parse(quiz.querySelector(":scope > div > script").textContent);
    const key = `${location.pathname}#${quiz.id}`;
    const answer = quiz.querySelector(":scope > .asrun-answer");
    const verdict = make("div", { class: "asrun-verdict", id: `${quiz.id}-verdict`, role: "status" });
    const spoken = make("p", { class: "asrun-spoken", "aria-live": "polite" });
    quiz.say = (words) => (spoken.textContent = words);
    quiz.controls = make("div", { class: "asrun-controls" });
    const kind = kinds[data.kind](quiz, data);
    const check = make("button", { type: "submit" }, kind.check ?? "Check");
    const again = button(kind.again || "Start again");
    const form = make("form", { novalidate: true }, quiz.controls, make("div", { class: "asrun-buttons" }, check, again));
    const given = quiz.querySelector(":scope > :is(.asrun-choices, .asrun-steps)");
    if (given) quiz.controls.append(...(kind.hint ? [make("p", {}, kind.hint)] : []), given);
    answer.before(form, verdict, spoken);

    // What was fitted to the slide has grown.
    const fit = () => deck && dispatchEvent(new Event("resize"));
    answer.addEventListener("toggle", fit);
    const tell = (state, title, words, said = []) => {
      quiz.dataset.state = state;
      const over = state === "right" || state === "seen";
      const solution = over ? [...answer.querySelectorAll(":scope > .asrun-solution")] : [];
      const clones = [...said, ...solution].map((each) => {
        const clone = each.cloneNode(true);
        clone.removeAttribute("data-for");
        if (said.length === 1) clone.querySelector(":scope > .asrun-which")?.remove();
        clone.querySelectorAll("[id]").forEach((inner) => inner.removeAttribute("id"));
        return clone;
      });
      verdict.replaceChildren(...(title || words ? [make("p", {}, make("strong", {}, title), ` ${words}`)] : []), ...clones);
      kind.lock(over);
      kind.mark?.(state === "right" || state === "wrong" ? kind.get() : null);
      check.hidden = over;
      answer.hidden = !state || state === "asked";
      again.hidden = answer.hidden || !(over || kind.again);
      if (answer.hidden) answer.open = false;
      fit();
    };
    const judge = (given) => {
      const { right, words, said } = kind.judge(given);
      const title = right === null ? "" : right ? "✓ Right." : "✗ Not right.";
      tell(right === null ? "seen" : right ? "right" : "wrong", title, words, said);
    };
    quiz.restart = () => {
      kind.set(null);
      tell("", "", "");
    };

    form.onsubmit = (event) => {
      event.preventDefault();
      const given = kind.get();
      if (given === null) {
        tell("asked", "", kind.ask);
        return;
      }
      judge(given);
      memory.set(key, { version: data.version, given });
      if (check.hidden) again.focus({ preventScroll: true });
      if (deck && event.submitter && !event.submitter.matches(":focus-visible")) document.activeElement.blur();
    };
    again.onclick = () => {
      memory.set(key, null);
      quiz.restart();
      quiz.querySelector("form :is(input, button)")?.focus({ preventScroll: true });
    };
    // What is typed here is meant for the question, not for the deck around it or the site's shortcuts.
    quiz.addEventListener("keydown", (event) => {
      if (deck && event.key === "Escape") document.activeElement.blur();
      else if (["PageUp", "PageDown", "Escape"].includes(event.key)) return;
      event.stopPropagation();
    });
    // A choice made with the mouse gives the arrow keys back to the deck.
    form.addEventListener("change", (event) => {
      kind.mark?.(null);
      if (deck && !event.target.matches(":focus-visible")) event.target.blur();
    });

    quiz.restart();
    const kept = memory.get(key);
    if (kept?.version === data.version) {
      try {
        kind.set(kept.given);
        // What was kept by somebody else, or changed by hand, is no answer that could have been given.
        if (JSON.stringify(kind.get()) === JSON.stringify(kept.given)) judge(kept.given);
        else quiz.restart();
      } catch {
        quiz.restart();
      }
    }
  };

  for (const quiz of quizzes) enhance(quiz);

  if (quizzes.length && memory.works) {
    const forget = button("Forget them all");
    const told = make("p", { class: "asrun-forget", role: "status" }, "Your answers are kept in this browser, and nowhere else. ", forget);
    forget.onclick = () => {
      memory.clear();
      for (const quiz of quizzes) quiz.restart();
      told.replaceChildren("Forgotten.");
    };
    quizzes.at(-1).append(told);
  }
})();
