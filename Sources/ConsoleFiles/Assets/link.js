// One-time links carry their secret behind "#", which browsers never send; it goes into the form and out of the address.

const input = document.querySelector("input[data-from-fragment]");
const found = location.hash.slice(1);
if (input && found) {
  input.value = found;
  history.replaceState(history.state, "", location.pathname + location.search);
  // Nobody need look at what came by itself.
  const field = input.closest(".field");
  if (field) field.hidden = true;
}
// Another language is another page, and the secret goes along.
if (input?.value) for (const link of document.querySelectorAll("footer a[hreflang]")) link.hash = input.value;
