// Changing what is shown into what the server has rendered.
// Law: only what differs is touched, so that focus, selection, an open table and a screen reader's place all stay.

// Change `from` into `to`, which is used up. Elements with an id are the same element wherever they move.
export function morph(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  const known = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const have = wanted.id ? known.get(wanted.id) : at && !at.id && at.nodeName === wanted.nodeName ? at : null;
    if (!have) {
      from.insertBefore(wanted, at);
      continue;
    }
    at = put(from, have, at);
    if (have.nodeType === Node.ELEMENT_NODE) morph(have, wanted);
    else if (have.nodeValue !== wanted.nodeValue) have.nodeValue = wanted.nodeValue;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// Have `child` of `from` stand where `at`, it or one before it, stands. Returns what comes next. An element that is moved loses the
// focus, so where it has that, the others are moved.
function put(from, child, at) {
  if (child === at) return at.nextSibling;
  if (!child.contains(document.activeElement)) {
    from.insertBefore(child, at);
    return at;
  }
  const behind = child.nextSibling;
  while (at !== child) {
    const next = at.nextSibling;
    from.insertBefore(at, behind);
    at = next;
  }
  return child.nextSibling;
}
