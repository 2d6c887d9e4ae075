// Review by keyboard: a verdict on the current candidate, then the next one; every verdict is stored before the page changes.
"use strict";

const lineup = document.querySelector("#lineup"), list = [...document.querySelectorAll("#candidates > li")];
const status = document.querySelector("#status"), help = document.querySelector("#help"), listening = document.querySelector("#listening");
const at = `/v1/jobs/${lineup.dataset.job}/reviews`, storageKey = `reviews-${lineup.dataset.job}`;
let current = Math.max(0, list.findIndex((card) => card.classList.contains("focus")));
let work = Promise.resolve(), leaving = false;

const entries = () => JSON.parse(sessionStorage.getItem(storageKey) || "[]");
const remember = (reviews) => sessionStorage.setItem(storageKey, JSON.stringify(reviews.slice(-200)));
const announce = (text) => { status.textContent = text; };

function go(place, scroll = true) {
  if (place < 0 || place >= list.length) return;
  list[current].classList.remove("current"); list[current].removeAttribute("aria-current");
  current = place;
  const card = list[current];
  card.classList.add("current"); card.setAttribute("aria-current", "true");
  card.focus({ preventScroll: true });
  if (scroll) card.scrollIntoView({ block: "nearest" });
}

function mark(card, verdict, number) {
  for (const [name, value] of [["verdict", verdict], ["number", number]]) {
    if (value) card.dataset[name] = value; else delete card.dataset[name];
  }
  for (const button of card.querySelectorAll("button.say")) button.setAttribute("aria-pressed", String(button.value === verdict));
}

async function request(method, address, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

function onward() {
  if (lineup.dataset.order === "sample" && document.querySelector('[rel="next"]')) return move("next");
  const open = (place) => list[place].classList.contains("chosen") && !list[place].dataset.verdict;
  const after = list.map((_, place) => place).filter((place) => place > current && open(place));
  const before = list.map((_, place) => place).filter((place) => place < current && open(place));
  if (after.length || before.length) go([...after, ...before][0]); else if (!move("next")) announce("All negatives of this query are reviewed.");
}

function leave(address) {
  leaving = true;
  location.assign(address);
}

addEventListener("pageshow", () => { leaving = false; });

function move(where) {
  const link = document.querySelector(`[rel="${where}"]`);
  if (link) leave(link.href);
  return Boolean(link);
}

// One after the other, in the order of the keys; what is pressed while the page is being left is not for its candidates.
function once(action) {
  work = work.then(() => (leaving ? null : action())).catch((error) => announce(`Not stored: ${error.message}`));
}

const say = (verdict) => once(async () => {
  const card = list[current], pair = { query_id: lineup.dataset.query, passage_id: card.dataset.passage };
  const [entry] = (await request("POST", at, { verdicts: [{ ...pair, verdict }] })).reviews;
  remember([...entries(), { number: entry.number, passage: pair.passage_id, was: card.dataset.verdict, page: location.pathname + location.search }]);
  mark(card, verdict, entry.number);
  announce(`${verdict.replace("_", " ")}, stored`);
  onward();
});

const undo = () => once(async () => {
  const all = entries(), last = all.pop();
  if (!last) return announce("There is no verdict to withdraw.");
  await request("DELETE", `${at}/${last.number}`);
  remember(all);
  const place = list.findIndex((card) => card.dataset.passage === last.passage);
  if (last.page !== location.pathname + location.search || place < 0) return leave(last.page);
  mark(list[place], last.was, null);
  go(place);
  announce("Verdict withdrawn.");
});

function differ() {
  const shown = document.querySelector(".diff:not([hidden])");
  for (const diff of document.querySelectorAll(".diff")) { diff.hidden = Boolean(shown); diff.previousElementSibling.hidden = !shown; }
  announce(shown ? "The plain texts." : "Differences from the nearest positive.");
}

const keys = {
  f: () => say("false_negative"), t: () => say("true_negative"), u: () => say("unsure"), z: undo, d: differ,
  j: () => go(current + 1), k: () => go(current - 1), ArrowDown: () => go(current + 1), ArrowUp: () => go(current - 1),
  n: () => move("next"), p: () => move("prev"), "?": () => help.showModal(), "/": () => document.querySelector('[type="search"]').focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || event.target.closest("input, select, textarea")) return;
  if (!listening.checked || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});
for (const [place, card] of list.entries()) {
  card.addEventListener("click", () => go(place, false));
  card.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); go(place); say(event.submitter.value); });
}
document.querySelector("#keys").addEventListener("click", () => help.showModal());
listening.checked = localStorage.getItem("keys") !== "off";
listening.addEventListener("change", () => localStorage.setItem("keys", listening.checked ? "on" : "off"));
if (list.length) go(current, innerWidth > 820); // on a small screen the query is read first
