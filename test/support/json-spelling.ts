/** Text that JSON has to escape now and then, and JSON strings in other spellings than JSON.stringify's. */
import fc from 'fast-check';

/** Any Unicode text, rich in what is special to JSON. */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  const special = fc.constantFrom(...'"\\/bu{[:,\b\f\n\r\t\u0000\u001f\u007f\u00e9\u2028\ufeff');
  const unit = fc.oneof(special, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }));
  return fc.string({ unit, maxLength });
}

/**
 * The text as a JSON string in which some characters, as `escapes` has it, are written as \uXXXX though they need not.
 */
export function respelled(text: string, escapes: Iterator<boolean>): string {
  const characters = Array.from(text, (character) => {
    if (escapes.next().value !== true) return JSON.stringify(character).slice(1, -1);
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
  return `"${characters.join('')}"`;
}
