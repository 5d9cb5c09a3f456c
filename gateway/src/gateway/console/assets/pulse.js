// The live picture: asks /pulse every two seconds, and moves a dot along each arrow that rose.
"use strict";
(() => {
  const EVERY_MS = 2000, DOT_MS = 1100, DOTS = 4;
  const NS = "http://www.w3.org/2000/svg";
  const find = (rule, from = document) => from.querySelector(rule);
  const picture = document.getElementById("picture");
  const dots = document.getElementById("dots");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const lang = new URLSearchParams(location.search).get("lang");
  const address = "/pulse" + (lang ? "?lang=" + encodeURIComponent(lang) : "");
  const widthOf = (count) => {
    let width = 1.25;
    for (; count > 0 && width < 6; count = Math.floor(count / 10)) width += 1.25;
    return width;
  };

  function dot(path, wait) {
    if (calm.matches || document.hidden) return;
    const length = path.getTotalLength();
    const one = document.createElementNS(NS, "circle");
    one.setAttribute("class", "dot");
    one.setAttribute("r", "5");
    let began = null;
    const step = (now) => {
      began ??= now + wait;
      const part = (now - began) / DOT_MS;
      if (part >= 1) return one.remove();
      if (part >= 0) {
        const at = path.getPointAtLength(length * part);
        one.setAttribute("cx", at.x);
        one.setAttribute("cy", at.y);
        if (!one.parentNode) dots.append(one);
      }
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  function arrows(counts) {
    for (const path of picture.querySelectorAll(".arrow")) {
      const key = path.dataset.key, count = counts[key] ?? 0;
      const label = find(`[data-count="${CSS.escape(key)}"]`, picture);
      const text = find("text", label), before = Number(text.textContent);
      for (let i = 0; i < Math.min(count - before, DOTS); i++) dot(path, i * 220);
      text.textContent = count;
      label.classList.toggle("on", count > 0);
      path.classList.toggle("on", count > 0);
      path.setAttribute("stroke-width", widthOf(count));
      path.setAttribute("marker-end", count > 0 ? "url(#tip-on)" : "url(#tip)");
    }
  }

  function services(list) {
    for (const one of list) {
      const row = find(`[data-service="${one.name}"]`);
      row.dataset.state = one.state;
      find(".state", row).textContent = one.says;
      find(".since", row).textContent = one.since;
      const node = find(`[data-node="${one.name}"]`, picture);
      const said = find(".said", node);
      if (one.said > Number(said.textContent) && !calm.matches) {
        node.classList.remove("beat");
        requestAnimationFrame(() => node.classList.add("beat"));
      }
      node.dataset.state = one.state;
      said.textContent = one.said;
      find(".to-all", node).textContent = one.to_all;
      find(".copies", node).setAttribute("visibility", one.to_all ? "visible" : "hidden");
    }
  }

  function types(counts, counting) {
    let total = 0;
    for (const row of document.querySelectorAll("[data-type]")) {
      const count = counts[row.dataset.type] ?? 0;
      total += count;
      row.hidden = count === 0;
      find(".n", row).textContent = count;
    }
    document.getElementById("events").hidden = total === 0;
    document.getElementById("none").hidden = total > 0;
    document.getElementById("not-counting").hidden = counting;
  }

  async function ask() {
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const said = await answer.json();
      arrows(said.arrows);
      services(said.services);
      types(said.events, said.counting);
      find(".live").hidden = false;
      find("#picture-says").textContent = said.says;
    } catch {
      find(".live").hidden = true;
    }
  }

  (async () => {
    for (;;) {
      if (!document.hidden) await ask();
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
  })();

  const button = document.getElementById("copy");
  if (navigator.clipboard) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById("call").textContent);
      button.textContent = button.dataset.done;
    });
  }
})();
