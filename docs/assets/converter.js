/* The converter of docs/reference/notation.md: a recipe goes from one convention of dropout to another.
   The same arithmetic as dropoutlab.conventions, against which tests/browser/test_converter_browser.py holds it. */
(() => {
  "use strict";

  /* From the paper's form to the libraries', for weights whose inputs are kept with probability keep. */
  const FACTORS = {
    learning_rate: (keep) => keep ** 2,
    weight: (keep) => keep,
    max_norm: (keep) => keep,
    l2: (keep) => 1 / keep ** 2,
  };

  const write = (number) => String(Number(number.toPrecision(6)));
  const number = (field) => (field.value.trim() === "" ? null : Number(field.value));

  function convert(form) {
    const chosen = (name) => form.elements[name].selectedOptions[0];
    const [from, to] = [chosen("from"), chosen("to")];
    const rate = number(form.elements.rate);
    const keep = from.dataset.means === "keep" ? rate : 1 - rate;
    if (rate === null || !(keep > 0 && keep <= 1)) {
      const bounds = from.dataset.means === "keep" ? "above 0 and at most 1" : "at least 0 and below 1";
      return { wrong: "rate", message: `${from.dataset.argument} has to be a number ${bounds}.` };
    }
    const factor = (name) => {
      if (from.dataset.form === to.dataset.form) return 1;
      return from.dataset.form === "vanilla" ? FACTORS[name](keep) : 1 / FACTORS[name](keep);
    };
    const result = {};
    for (const name of Object.keys(FACTORS)) {
      const value = number(form.elements[name]);
      const needed = name === "learning_rate";
      if (value === null ? needed : !(value > 0 || (value === 0 && (name === "weight" || name === "l2")))) {
        const label = form.querySelector(`label[for="${form.elements[name].id}"]`).textContent.trim();
        return { wrong: name, message: `${label} has to be a number above 0${needed ? "" : ", or nothing"}.` };
      }
      result[name] = value === null ? null : value * factor(name);
    }
    const inverted = (name) =>
      result[name] === null ? null : to.dataset.form === "inverted" ? result[name] : result[name] * FACTORS[name](keep);
    const drop = from.dataset.means === "keep" ? 1 - rate : rate;
    const biases = number(form.elements.learning_rate);
    const argument = to.dataset.means === "keep" ? keep : drop;
    return { from, to, keep, drop, factor, result, inverted, biases, argument };
  }

  function code({ drop, inverted, biases }) {
    const given = (name) => inverted(name) !== null;
    const pytorch = [
      `nn.Dropout(p=${write(drop)})`,
      `torch.optim.SGD([{"params": [layer.weight], "lr": ${write(inverted("learning_rate"))}` +
        `${given("l2") ? `, "weight_decay": ${write(inverted("l2"))}` : ""}}, ` +
        `{"params": [layer.bias], "lr": ${write(biases)}}])`,
    ];
    if (given("weight")) pytorch.push(`nn.init.normal_(layer.weight, std=${write(inverted("weight"))})`);
    if (given("max_norm")) {
      pytorch.push(`# after each step\nlayer.weight.data = layer.weight.data.renorm(2, 0, ${write(inverted("max_norm"))})`);
    }
    const keras = [];
    if (given("weight")) keras.push(`kernel_initializer=initializers.RandomNormal(stddev=${write(inverted("weight"))})`);
    if (given("max_norm")) keras.push(`kernel_constraint=constraints.MaxNorm(${write(inverted("max_norm"))})`);
    /* Keras's penalty is l2 · ‖W‖², ours ½ · l2 · ‖W‖². */
    if (given("l2")) keras.push(`kernel_regularizer=regularizers.L2(${write(inverted("l2") / 2)})`);
    return {
      pytorch: pytorch.join("\n"),
      keras: [
        `layers.Dropout(${write(drop)})`,
        keras.length ? `layers.Dense(units, ${keras.join(", ")})` : "layers.Dense(units)",
        `optimizers.SGD(${write(inverted("learning_rate"))})  # of these weights; of the biases ${write(biases)}`,
      ].join("\n"),
    };
  }

  function show(form) {
    const told = form.querySelector("[role=status]");
    const converted = convert(form);
    const wrong = converted.wrong;
    for (const field of form.querySelectorAll("input")) {
      field.setAttribute("aria-invalid", String(field.name === wrong));
    }
    const put = (name, value) => {
      const cell = form.querySelector(`[data-out="${name}"]`);
      cell.textContent = value === null ? "–" : write(value);
      if (value === null) delete cell.dataset.value;
      else cell.dataset.value = String(value);
    };
    const rate = form.querySelector(`label[for="${form.elements.rate.id}"]`);
    const from = form.elements.from.selectedOptions[0];
    rate.textContent = `${from.dataset.argument}, the probability to ${from.dataset.means} a unit`;
    const names = ["keep", "drop", "argument", ...Object.keys(FACTORS)];
    if (wrong) {
      told.textContent = converted.message;
      names.forEach((name) => put(name, null));
      for (const each of form.querySelectorAll("[data-factor]")) each.textContent = "–";
      for (const each of form.querySelectorAll("[data-code]")) each.textContent = "";
      return;
    }
    for (const name of ["keep", "drop", "argument"]) put(name, converted[name]);
    for (const name of Object.keys(FACTORS)) {
      put(name, converted.result[name]);
      form.querySelector(`[data-factor="${name}"]`).textContent = `× ${write(converted.factor(name))}`;
    }
    form.querySelector("[data-argument-name]").textContent = `${converted.to.dataset.argument} (${converted.to.text})`;
    const lines = code(converted);
    for (const each of form.querySelectorAll("[data-code]")) each.textContent = lines[each.dataset.code];
    told.textContent =
      `${converted.to.text}: ${converted.to.dataset.argument} = ${write(converted.argument)}, ` +
      `learning rate ${write(converted.result.learning_rate)} for these weights; biases keep theirs.`;
  }

  function start() {
    const form = document.getElementById("converter-form");
    if (!form) return;
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => show(form));
    show(form);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
