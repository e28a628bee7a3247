// What is to be seen is described as a tree, and the page is changed to match it: what is the same stays as it is, with its
// focus, its selection and whatever was opened.

const SVG = 'http://www.w3.org/2000/svg';

// Whoever is `null` or `false` is left out.
const present = (nodes) => nodes.flat(9).filter((node) => node !== null && node !== undefined && node !== false);

// An element.
const h = (name, attributes, ...children) => ({ name, attributes: attributes || {}, children: present(children) });

const isSame = (there, node) =>
  there &&
  there.nodeType === Node.ELEMENT_NODE &&
  there.localName === node.name &&
  there.getAttribute('data-key') === keyOf(node);

const keyOf = (node) => (node.attributes['data-key'] === undefined ? null : String(node.attributes['data-key']));

// The element to go on with at this place: the one that is there, one with the same key further on, or a new one.
const elementAt = (parent, there, node, svg) => {
  if (isSame(there, node)) return there;
  let element = null;
  for (let other = there; keyOf(node) !== null && other && !element; other = other.nextSibling) {
    if (isSame(other, node)) element = other;
  }
  element = element || (svg ? document.createElementNS(SVG, node.name) : document.createElement(node.name));
  parent.insertBefore(element, there || null);
  return element;
};

const patchAttributes = (element, wanted) => {
  for (const { name } of [...element.attributes]) {
    // Whether it is open is the reader's.
    if (!(name in wanted) && !(name === 'open' && element.localName === 'details')) element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(wanted)) {
    const text = value === true ? '' : String(value);
    if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
};

const patch = (parent, described, inSvg = false) => {
  const wanted = present(described);
  wanted.forEach((node, at) => {
    const there = parent.childNodes[at];
    if (typeof node !== 'object') {
      if (there && there.nodeType === Node.TEXT_NODE) {
        if (there.data !== String(node)) there.data = String(node);
      } else {
        parent.insertBefore(document.createTextNode(String(node)), there || null);
      }
      return;
    }
    const svg = inSvg || node.name === 'svg';
    const element = elementAt(parent, there, node, svg);
    const attributes = { ...node.attributes };
    // Open at first; then as the reader has it.
    if (node.name === 'details') {
      if (attributes.open && !element.firstChild) element.open = true;
      delete attributes.open;
    }
    patchAttributes(element, attributes);
    patch(element, node.children, svg);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
};
