// Evaluates code in the global scope, where what it defines stays.
export function run(code) {
  try {
    return String((0, eval)(code));
  } catch (error) {
    // A thrown string is the failure of the result; anything else would be a trap.
    throw String((error && error.stack) || error);
  }
}
