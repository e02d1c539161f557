/** The check digit of card numbers (ISO/IEC 7812-1 annex B): every second digit from the right, the last not, counts double. */
export function isLuhnValid(digits: string): boolean {
  let sum = 0;
  let double = false;
  for (let index = digits.length - 1; index >= 0; index -= 1) {
    const digit = digits.charCodeAt(index) - 0x30;
    // 2 x 7 = 14 counts as 1 + 4
    sum += double ? digit * 2 - (digit > 4 ? 9 : 0) : digit;
    double = !double;
  }
  return sum % 10 === 0;
}
