/**
 * What is masked: 4096 distinct values of each sort, parsed from JSON as the values of messages are (strings made by joining or
 * slicing are of other kinds inside the runtime, and slower or faster to read).
 */
const count = 4096;

function parsed(value: (index: number) => string): readonly string[] {
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, index) => value(index)))) as string[];
}

/** A number of so many digits, distinct for distinct indexes below 4096. */
function digits(index: number, length: number): string {
  return String(10 ** (length - 1) + ((index * 2_654_435_761) % (9 * 10 ** (length - 1)))).slice(0, length);
}

/** 13 characters each. */
export const addresses: readonly string[] = parsed((index) => `203.0.${100 + (index >> 6)}.${100 + (index & 63)}`);

/** `NNN-NN-NNNN` */
export const ids: readonly string[] = parsed((index) => digits(index, 9).replace(/^(...)(..)/, "$1-$2-"));

export const nineDigits: readonly string[] = parsed((index) => digits(index, 9));

export const uuids: readonly string[] = parsed((index) => {
  const hex = index.toString(16).padStart(4, "0");
  return `0191d5a8-${hex}-7def-8a3b-2f6e4c9d${hex}`;
});

const names = ["Ada Lovelace", "Grace Hopper", "José Núñez", "山田 太郎", "Zoë", "Jean-Baptiste de la Rivière-du-Loup"];

/** 4 to 60 characters, every third of them not ASCII. */
export const mixedTexts: readonly string[] = parsed((index) => `${names[index % names.length]} ${"x".repeat(index % 19)}${index}`);

/** The values in batches of a length. */
export function batchesOf(values: readonly string[], length: number): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(values.length / length) }, (_, index) =>
    values.slice(index * length, (index + 1) * length),
  );
}
