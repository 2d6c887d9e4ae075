// Review by keyboard: a word about the current candidate, on to the next one; every word is kept before the page moves on.
"use strict";

const lineup = document.querySelector("#lineup"), list = [...document.querySelectorAll("#candidates > li")];
const status = document.querySelector("#said"), help = document.querySelector("#help"), listening = document.querySelector("#listening");
const at = `/v1/jobs/${lineup.dataset.job}/reviews`, kept = `words-${lineup.dataset.job}`;
let current = Math.max(0, list.findIndex((one) => one.classList.contains("focus")));
let work = Promise.resolve(), leaving = false;

const words = () => JSON.parse(sessionStorage.getItem(kept) || "[]");
const remember = (some) => sessionStorage.setItem(kept, JSON.stringify(some.slice(-200)));
const tell = (text) => { status.textContent = text; };

function go(place, scroll = true) {
  if (place < 0 || place >= list.length) return;
  list[current].classList.remove("current"); list[current].removeAttribute("aria-current");
  current = place;
  const one = list[current];
  one.classList.add("current"); one.setAttribute("aria-current", "true");
  one.focus({ preventScroll: true });
  if (scroll) one.scrollIntoView({ block: "nearest" });
}

function mark(one, verdict, number) {
  for (const [name, value] of [["verdict", verdict], ["number", number]]) {
    if (value) one.dataset[name] = value; else delete one.dataset[name];
  }
  for (const button of one.querySelectorAll("button.say")) button.setAttribute("aria-pressed", String(button.value === verdict));
}

async function asked(method, address, body) {
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
  if (after.length || before.length) go([...after, ...before][0]); else if (!move("next")) tell("All negatives of this query are reviewed.");
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
function once(one) {
  work = work.then(() => (leaving ? null : one())).catch((error) => tell(`Not stored: ${error.message}`));
}

const say = (verdict) => once(async () => {
  const one = list[current], pair = { query_id: lineup.dataset.query, passage_id: one.dataset.passage };
  const [entry] = (await asked("POST", at, { verdicts: [{ ...pair, verdict }] })).reviews;
  remember([...words(), { number: entry.number, passage: pair.passage_id, was: one.dataset.verdict, page: location.pathname + location.search }]);
  mark(one, verdict, entry.number);
  tell(`${verdict.replace("_", " ")}, stored`);
  onward();
});

const undo = () => once(async () => {
  const all = words(), last = all.pop();
  if (!last) return tell("There is no verdict to withdraw.");
  await asked("DELETE", `${at}/${last.number}`);
  remember(all);
  const place = list.findIndex((one) => one.dataset.passage === last.passage);
  if (last.page !== location.pathname + location.search || place < 0) return leave(last.page);
  mark(list[place], last.was, null);
  go(place);
  tell("Verdict withdrawn.");
});

function differ() {
  const shown = document.querySelector(".diff:not([hidden])");
  for (const diff of document.querySelectorAll(".diff")) { diff.hidden = Boolean(shown); diff.previousElementSibling.hidden = !shown; }
  tell(shown ? "The plain texts." : "Differences from the nearest positive.");
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
for (const [place, one] of list.entries()) {
  one.addEventListener("click", () => go(place, false));
  one.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); go(place); say(event.submitter.value); });
}
document.querySelector("#keys").addEventListener("click", () => help.showModal());
listening.checked = localStorage.getItem("keys") !== "off";
listening.addEventListener("change", () => localStorage.setItem("keys", listening.checked ? "on" : "off"));
if (list.length) go(current, innerWidth > 820); // on a small screen the query is read first
