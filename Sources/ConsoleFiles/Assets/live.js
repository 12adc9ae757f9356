// Live lists and progress: the server sends finished, escaped HTML; here it is only put in its place.

const heldMax = 500;
const quietTime = 5000;

function rows(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return [...template.content.children];
}

class LiveList {
  constructor(list) {
    this.list = list;
    this.max = Number(list.dataset.liveMax) || 50;
    this.toggle = document.querySelector("[data-live-toggle]");
    this.status = document.querySelector("[data-live-status]");
    this.held = [];
    this.isPaused = false;
    this.arrived = 0;
    if (this.toggle) {
      this.toggle.hidden = false;
      this.toggle.addEventListener("click", () => this.setPaused(!this.isPaused));
      this.showToggle();
    }
    this.open();
  }

  open() {
    this.source = new EventSource(this.list.dataset.live);
    this.source.onopen = () => this.show("on");
    this.source.onerror = () => this.show("off");
    this.source.onmessage = (message) => this.take(message.data);
  }

  close() {
    this.source.close();
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  take(html) {
    if (this.isPaused) {
      this.held.push(html);
      if (this.held.length > heldMax) this.held.shift();
      this.showToggle();
      return;
    }
    this.put(html);
    this.announce(1);
  }

  put(html) {
    this.list.querySelector("[data-empty], .empty-row")?.remove();
    for (const row of rows(html)) {
      if (row.id && document.getElementById(row.id)) continue;
      row.classList.add("new");
      this.list.prepend(row);
    }
    while (this.list.children.length > this.max) this.list.lastElementChild.remove();
  }

  setPaused(isPaused) {
    this.isPaused = isPaused;
    if (!isPaused) {
      const count = this.held.length;
      for (const html of this.held.splice(0)) this.put(html);
      this.announce(count);
    }
    this.showToggle();
  }

  showToggle() {
    if (!this.toggle) return;
    const { pause, resume } = this.toggle.dataset;
    const word = this.isPaused ? resume : pause;
    const text = this.held.length ? `${word} (${this.held.length})` : word;
    (this.toggle.querySelector("span") ?? this.toggle).textContent = text;
  }

  show(state) {
    if (!this.status) return;
    this.status.dataset.state = state;
    const word = this.status.dataset[state];
    if (word && this.status.textContent !== word) this.status.textContent = word;
  }

  // Spoken at most once in a while: a busy list must not talk over its reader.
  announce(count) {
    this.arrived += count;
    if (!this.list.dataset.liveArrived || this.timer || !this.arrived) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      speaker().textContent = this.list.dataset.liveArrived.replace("%", this.arrived);
      this.arrived = 0;
    }, quietTime);
  }
}

let spoken;
function speaker() {
  if (!spoken) {
    spoken = document.createElement("p");
    spoken.className = "unseen";
    spoken.setAttribute("role", "status");
    document.body.append(spoken);
  }
  return spoken;
}

class Progress {
  constructor(box) {
    this.box = box;
    this.open();
  }

  open() {
    if (this.isDone) return;
    this.source = new EventSource(this.box.dataset.progress);
    this.source.onmessage = (message) => { this.box.innerHTML = message.data; };
    this.source.addEventListener("done", (message) => {
      if (message.data) this.box.innerHTML = message.data;
      this.isDone = true;
      this.source.close();
    });
  }

  close() {
    this.source?.close();
  }
}

const streams = [
  ...[...document.querySelectorAll("[data-live]")].map((list) => new LiveList(list)),
  ...[...document.querySelectorAll("[data-progress]")].map((box) => new Progress(box)),
];

// An open stream would keep one of the few connections a browser allows per server, and the page out of its back-forward store.
addEventListener("pagehide", () => { for (const stream of streams) stream.close(); });
addEventListener("pageshow", (event) => { if (event.persisted) for (const stream of streams) stream.open(); });
