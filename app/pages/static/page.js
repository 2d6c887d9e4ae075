// Jobs that are on their way: their progress as it happens; when one ends, the page is loaded again.
"use strict";

for (const live of document.querySelectorAll(".live[data-job]")) {
  const source = new EventSource(`/v1/jobs/${live.dataset.job}/events`);
  const meter = live.querySelector("progress");
  source.addEventListener("progress", (event) => {
    const { stage, done, total } = JSON.parse(event.data);
    if (total) { meter.max = total; meter.value = done; } else { meter.removeAttribute("value"); }
    live.querySelector(".stage").textContent = total ? `${stage} ${Math.floor((100 * done) / total)} %` : stage;
  });
  source.addEventListener("state", (event) => {
    const ended = ["succeeded", "failed", "cancelled", "crashed"].includes(JSON.parse(event.data).state);
    if (ended && Number(event.lastEventId) > Number(live.dataset.seen)) { source.close(); location.reload(); }
  });
}

// The ceiling over the histogram of scores: a slider, or dragged in the picture itself.
const slider = document.querySelector("#ceiling");
if (slider) {
  const form = slider.form, svg = document.querySelector(".plot svg");
  const line = svg.querySelector(".ceiling"), beyond = svg.querySelector(".beyond"), width = svg.viewBox.baseVal.width;
  const counts = (name) => slider.dataset[name].split(",").map(Number);
  const edges = counts("edges"), kept = counts("kept"), chosen = counts("chosen"), last = edges.length - 1;
  const total = (bins) => bins.reduce((sum, count) => sum + count, 0);
  const part = (count, all) => `${count.toLocaleString("en")} of ${all.toLocaleString("en")}`;
  const show = () => {
    const place = Number(slider.value), x = (width * place) / last, free = place === last;
    line.setAttribute("x1", x); line.setAttribute("x2", x);
    beyond.setAttribute("x", x); beyond.setAttribute("width", width - x);
    const dropped = total(kept.slice(place)), all = total(kept);
    const effect = `Would drop ${part(dropped, all)} kept candidates (${all ? ((100 * dropped) / all).toFixed(1) : 0} %) and ` +
      `${part(total(chosen.slice(place)), total(chosen))} chosen negatives.`;
    document.querySelector("#beyond").textContent = free ? "Move the ceiling to see how many candidates it drops." : effect;
    document.querySelector("#value").textContent = free ? "none" : String(edges[place]);
    slider.setAttribute("aria-valuetext", free ? "no ceiling" : `${edges[place]}. ${effect}`);
    form.querySelector("button").disabled = free;
  };
  const drag = (event) => {
    const box = svg.getBoundingClientRect();
    slider.value = Math.round((last * (event.clientX - box.left)) / box.width);
    show();
  };
  svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); svg.addEventListener("pointermove", drag); drag(event); });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => svg.removeEventListener("pointermove", drag));
  slider.addEventListener("input", show);
  show();
}
