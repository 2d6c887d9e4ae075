// What is wrong with a page for those who read with other means: an empty list is good. Swagger UI's own markup is left alone.
() => {
  const faults = [], say = (what, one) => faults.push(`${what}: ${one.outerHTML.slice(0, 140)}`);
  const ours = (one) => !one.closest(".swagger-ui");
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (one) => {
    const layers = [];
    for (let at = one; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (color) => {
    const [r, g, b] = color.map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const shown = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && one.getClientRects().length;

  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const one = text.parentElement;
    if (!text.data.trim() || !ours(one) || !shown(one) || one.closest("noscript, svg, [aria-disabled], :disabled, .skip")) continue;
    const style = getComputedStyle(one), below = ground(one), size = parseFloat(style.fontSize);
    const pair = [light(over(rgba(style.color), below)), light(below)].sort((a, b) => b - a);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < least) say(`contrast ${((pair[0] + 0.05) / (pair[1] + 0.05)).toFixed(2)}`, one);
  }
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href]")) {
    if (!ours(one)) continue;
    const named = one.getAttribute("aria-label") || one.textContent.trim() || [...(one.labels || [])].some((label) => label.textContent.trim());
    if (!named) say("no name", one);
    const label = one.getAttribute("aria-label"), text = one.textContent.trim();
    if (label && /\p{L}{2}/u.test(text) && !label.toLowerCase().includes(text.toLowerCase())) say("a name without its text", one);
  }
  const heads = [...document.querySelectorAll("h1, h2, h3, h4")].filter((one) => ours(one) && shown(one)).map((one) => Number(one.tagName[1]));
  if (heads.filter((level) => level === 1).length !== 1) faults.push(`${heads.filter((level) => level === 1).length} first headings`);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id ${id} twice`);
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of (one.getAttribute("aria-labelledby") || one.getAttribute("aria-describedby")).split(" ")) if (!ids.includes(id)) say(`no ${id}`, one);
  }
  if (!document.documentElement.lang) faults.push("no language");
  if ([...document.querySelectorAll("main")].filter(ours).length !== 1) faults.push("not one main part");
  for (const one of document.querySelectorAll("svg")) {
    if (ours(one) && !one.hasAttribute("aria-label") && !one.hasAttribute("aria-hidden")) say("a picture without words", one);
  }
  for (const one of document.querySelectorAll("li")) if (!["OL", "UL", "MENU"].includes(one.parentElement.tagName)) say("no list around", one);
  for (const one of document.querySelectorAll("[tabindex]")) if (ours(one) && one.tabIndex > 0) say("order of its own", one);
  return faults;
}
