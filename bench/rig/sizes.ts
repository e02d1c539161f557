/** How much one measurement does. */
export interface Size {
  readonly messages: number;
  /** Of them, before the measurement begins: a program is compiled while it runs. */
  readonly warmUp: number;
}

export interface Sizes {
  readonly full: Size;
  readonly quick: Size;
}

export interface SizeWish {
  readonly quick: boolean;
  /** So many times the usual number: the benchmark's own test takes a hundredth. */
  readonly scale: number;
}

export function sizeOf(sizes: Sizes, { quick, scale }: SizeWish): Size {
  const { messages, warmUp } = quick ? sizes.quick : sizes.full;
  return { messages: scaled(messages, scale), warmUp: Math.floor(warmUp * scale) };
}

export function scaled(count: number, scale: number): number {
  return Math.max(100, Math.round(count * scale));
}
