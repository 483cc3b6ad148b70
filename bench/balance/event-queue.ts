/** Events in the order of their times: a binary heap over numbers, for ten million of them. */
export class EventQueue<Event> {
  readonly #times: number[] = [];
  readonly #events: Event[] = [];

  get size(): number {
    return this.#times.length;
  }

  /** When the next event is; infinite when there is none. */
  get nextTime(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(time: number, event: Event): void {
    let place = this.#times.length;
    this.#times.push(time);
    this.#events.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#timeAt(parent) <= time) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#times[place] = time;
    this.#events[place] = event;
  }

  /** Takes the next event. */
  shift(): Event | undefined {
    const [first] = this.#events;
    const time = this.#times.pop();
    const event = this.#events.pop();
    if (time === undefined || event === undefined || this.#times.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const child = this.#timeAt(left + 1) < this.#timeAt(left) ? left + 1 : left;
      if (this.#timeAt(child) >= time) break;
      this.#move(child, place);
      place = child;
    }
    this.#times[place] = time;
    this.#events[place] = event;
    return first;
  }

  #timeAt(place: number): number {
    return this.#times[place] ?? Number.POSITIVE_INFINITY;
  }

  #move(from: number, to: number): void {
    const [time, event] = [this.#times[from], this.#events[from]];
    if (time === undefined || event === undefined) return;
    this.#times[to] = time;
    this.#events[to] = event;
  }
}
