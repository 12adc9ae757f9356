// Fields that take merge fields: typing {{ opens a list of those that the page names below the field.
// Up and down choose, Enter or Tab puts one in, Escape closes.

const shownMost = 8;
const words = document.getElementById("variables-words")?.dataset ?? {};
const speaker = document.createElement("p");
speaker.className = "unseen";
speaker.setAttribute("role", "status");
document.body.append(speaker);

class Offer {
  constructor(field, names) {
    this.field = field;
    this.names = names;
    this.found = [];
    this.current = 0;
    this.list = document.createElement("ul");
    this.list.id = `${field.id}-offer`;
    this.list.className = "offer";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", words.label ?? "");
    this.list.hidden = true;
    field.after(this.list);
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-haspopup", "listbox");
    field.addEventListener("input", () => this.look());
    field.addEventListener("click", () => this.look());
    field.addEventListener("keydown", (event) => this.press(event));
    field.addEventListener("blur", () => this.close());
    // Before the field loses the focus.
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option) this.put(this.found[Number(option.dataset.place)]);
    });
  }

  // What was typed behind the last braces, if the cursor stands in them.
  get beginning() {
    const before = this.field.value.slice(0, this.field.selectionStart);
    const start = before.lastIndexOf("{{");
    if (start < 0) return null;
    const typed = before.slice(start + 2);
    return /^[\w.]*$/.test(typed) ? { start, typed } : null;
  }

  look() {
    const beginning = this.beginning;
    const typed = beginning?.typed.toLowerCase();
    this.found = beginning
      ? this.names.filter((name) => name.slice(2, -2).toLowerCase().includes(typed) && name !== `{{${beginning.typed}}}`)
        .slice(0, shownMost)
      : [];
    if (!this.found.length) return this.close();
    this.current = 0;
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...this.found.map((name, place) => {
      const option = document.createElement("li");
      option.id = `${this.list.id}-${place}`;
      option.dataset.place = place;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", String(place === this.current));
      option.textContent = name;
      return option;
    }));
    if (this.list.hidden) speaker.textContent = words.help ?? "";
    this.list.hidden = false;
    this.field.setAttribute("aria-controls", this.list.id);
    this.field.setAttribute("aria-activedescendant", `${this.list.id}-${this.current}`);
  }

  close() {
    if (this.list.hidden) return;
    this.list.hidden = true;
    speaker.textContent = "";
    this.field.removeAttribute("aria-controls");
    this.field.removeAttribute("aria-activedescendant");
  }

  press(event) {
    if (this.list.hidden || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.current = (this.current + step + this.found.length) % this.found.length;
      this.draw();
    } else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) {
      this.put(this.found[this.current]);
    } else if (event.key === "Escape") {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
  }

  put(name) {
    const { start } = this.beginning ?? { start: this.field.selectionStart };
    let end = this.field.selectionStart;
    if (this.field.value.startsWith("}}", end)) end += 2;
    this.field.setRangeText(name, start, end, "end");
    // What stands for a path or a header is to be typed over.
    const placeholder = /\.(path|Name)\}\}$/.exec(name)?.[1].length ?? 0;
    const last = this.field.selectionEnd - (placeholder ? 2 : 0);
    this.field.setSelectionRange(last - placeholder, last);
    this.close();
    this.field.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

for (const source of document.querySelectorAll("[data-variables]")) {
  const field = document.getElementById(source.dataset.variables);
  const names = [...source.querySelectorAll("code")].map((code) => code.textContent);
  if (field) new Offer(field, names);
}
