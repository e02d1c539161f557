/** Values of every number of blocks, on both sides of the borders between them. */
const neighbours: readonly Uint8Array[] = [0, 40, 16, 5, 15, 64, 17, 1, 32].map((length) => new Uint8Array(length).fill(0xa5));

/** Columns that hold a value among others: first, last, and in between, with shorter and longer ones on either side. */
export function among(value: Uint8Array): readonly { readonly column: readonly Uint8Array[]; readonly place: number }[] {
  return [0, 1, 5, neighbours.length].map((place) => ({
    column: [...neighbours.slice(0, place), value, ...neighbours.slice(place)],
    place,
  }));
}
