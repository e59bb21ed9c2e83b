// What the pages do by themselves. Each of them works without it, a little slower.
"use strict";

// Light or dark: the system's choice until somebody has made another.
const root = document.documentElement;
const remembered = (() => {
  try { return localStorage.getItem("strata-theme"); } catch { return null; }
})();
if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("strata-theme", root.dataset.theme); } catch { /* not remembered then */ }
  });
}

// A part of a page from the server, whose templates have escaped everything in it.
async function fill(target, address, signal) {
  const answer = await fetch(address, { signal, headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const open = [...target.querySelectorAll("details")].map((one) => one.open);
  target.innerHTML = await answer.text();
  target.querySelectorAll("details").forEach((one, place) => { one.open = open[place] ?? one.open; });
}

// The live page asks every two seconds while somebody can see it, and stops when told to.
for (const button of document.querySelectorAll("[data-live]")) {
  const target = document.getElementById("live");
  let paused = false;
  let failures = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
  });
  const look = async () => {
    if (!paused && !document.hidden && !target.contains(document.activeElement)) {
      try {
        await fill(target, button.dataset.live);
        failures = 0;
        target.removeAttribute("aria-busy");
      } catch {
        failures += 1;
        target.setAttribute("aria-busy", "true");
      }
    }
    setTimeout(look, Math.min(30000, 2000 * 2 ** failures));
  };
  setTimeout(look, 2000);
}

// Sliders: the last position asked for wins.
for (const form of document.querySelectorAll("[data-sliders]")) {
  const target = document.getElementById("half-life");
  for (const button of form.querySelectorAll("[data-without-script]")) button.hidden = true;
  let asked = null;
  let timer = 0;
  const show = async () => {
    if (asked) asked.abort();
    asked = new AbortController();
    const address = new URL(form.dataset.sliders, location.href);
    for (const input of form.querySelectorAll("input[type=range]")) {
      if (input.dataset.touched) address.searchParams.set(input.name, input.value);
    }
    try {
      await fill(target, address, asked.signal);
    } catch (error) {
      if (error.name !== "AbortError") target.textContent = "This could not be computed just now; move the slider again.";
      return;
    }
    const shown = target.querySelector(".slid");
    for (const input of form.querySelectorAll("input[type=range]")) {
      const text = shown.getAttribute(`data-${input.name}`);
      input.setAttribute("aria-valuetext", text);
      form.querySelector(`output[for="${input.id}"]`).textContent = text;
    }
  };
  form.addEventListener("input", (event) => {
    event.target.dataset.touched = "yes";
    clearTimeout(timer);
    timer = setTimeout(show, 120);
  });
}
