const leastPlaces = 16;

/** First in, first out: a ring that doubles when it is full. What leaves at the front moves nothing of what stays. */
export class Line<T> {
  /** Its length is a power of two. */
  #ring: (T | undefined)[] = Array.from({ length: leastPlaces });
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(entry: T): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry;
    this.#length += 1;
  }

  /** @param place from the front, which is 0 */
  at(place: number): T | undefined {
    return place < this.#length ? this.#ring[(this.#head + place) & (this.#ring.length - 1)] : undefined;
  }

  /** The first `count`, or as many as there are. */
  take(count: number): T[] {
    const taken: T[] = [];
    const last = this.#ring.length - 1;
    for (let left = Math.min(count, this.#length); left > 0; left -= 1) {
      taken.push(this.#ring[this.#head] as T);
      // what has left must not be kept alive from here
      this.#ring[this.#head] = undefined;
      this.#head = (this.#head + 1) & last;
      this.#length -= 1;
    }
    return taken;
  }

  /** Takes out those that go, wherever they stand; the others keep their order. */
  takeOut(goes: (entry: T) => boolean): T[] {
    const gone: T[] = [];
    for (const entry of this.take(this.#length)) {
      if (goes(entry)) gone.push(entry);
      else this.push(entry);
    }
    return gone;
  }

  #grow(): void {
    const length = this.#length;
    const ring: (T | undefined)[] = Array.from({ length: this.#ring.length * 2 });
    for (let place = 0; place < length; place += 1) ring[place] = this.at(place);
    this.#ring = ring;
    this.#head = 0;
  }
}
