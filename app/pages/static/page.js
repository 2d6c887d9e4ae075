// Jobs that are on their way: their progress as it happens; when one ends, the page is loaded again.
"use strict";

for (const live of document.querySelectorAll("[data-job]")) {
  const source = new EventSource(`/v1/jobs/${live.dataset.job}/events`);
  const meter = live.querySelector("progress");
  source.addEventListener("progress", (event) => {
    const { stage, done, total } = JSON.parse(event.data);
    if (total) { meter.max = total; meter.value = done; } else { meter.removeAttribute("value"); }
    live.querySelector(".said").textContent = total ? `${stage} ${Math.floor((100 * done) / total)} %` : stage;
  });
  source.addEventListener("state", (event) => {
    const ended = ["succeeded", "failed", "cancelled", "crashed"].includes(JSON.parse(event.data).state);
    if (ended && Number(event.lastEventId) > Number(live.dataset.seen)) { source.close(); location.reload(); }
  });
}
