// Copy buttons: shown only where scripts run; each copies the text of the element it names and says so.

const shownFor = 2000;
const speaker = document.createElement("p");
speaker.className = "unseen";
speaker.setAttribute("role", "status");
document.body.append(speaker);

async function copy(source) {
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

// Plain HTTP on a home network has no navigator.clipboard.
function copyBySelection(text) {
  const area = document.createElement("textarea");
  const focused = document.activeElement;
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return isCopied;
}

function say(button) {
  const label = button.querySelector("span:not(.unseen)") ?? button;
  button.dataset.word ??= label.textContent;
  label.textContent = button.dataset.copied;
  button.classList.add("copied");
  speaker.textContent = "";
  requestAnimationFrame(() => { speaker.textContent = button.dataset.copied; });
  clearTimeout(button.copyTimer);
  button.copyTimer = setTimeout(() => {
    label.textContent = button.dataset.word;
    button.classList.remove("copied");
  }, shownFor);
}

function select(source) {
  const range = document.createRange();
  range.selectNodeContents(source);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

for (const button of document.querySelectorAll("button.copy[data-copy-target]")) {
  button.hidden = false;
}

// One listener for all, so that buttons in rows that arrive later work too.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy[data-copy-target]");
  const source = button && document.getElementById(button.dataset.copyTarget);
  if (!source) return;
  if (await copy(source)) say(button);
  else select(source);
});
