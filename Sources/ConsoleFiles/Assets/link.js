// One-time links carry their secret behind "#", which browsers never send; it goes into the form and out of the address.

const input = document.querySelector("input[data-from-fragment]");
const secret = location.hash.slice(1);
if (input && secret) {
  input.value = secret;
  history.replaceState(history.state, "", location.pathname + location.search);
}
