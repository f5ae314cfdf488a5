/**
 * Mean of the longest tenth, rounded up, of the first `count` values: the TBT of a request in FAST'25 §5.2. Reorders them.
 *
 * @throws RangeError of no values.
 */
export function longestTenthMean(values: Float64Array, count: number): number {
  if (count < 1) throw new RangeError("the longest tenth of no intervals");
  const keep = Math.ceil(count / 10);
  let low = 0;
  let high = count - 1;
  // Quickselect: afterwards the `keep` largest are in front.
  while (low < high) {
    const pivot = median3(values[low], values[(low + high) >> 1], values[high]);
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] > pivot) i++;
      while (values[j] < pivot) j--;
      if (i > j) break;
      const swapped = values[i];
      values[i++] = values[j];
      values[j--] = swapped;
    }
    if (keep - 1 <= j) high = j;
    else if (keep - 1 >= i) low = i;
    else break;
  }
  let sum = 0;
  for (let i = 0; i < keep; i++) sum += values[i];
  return sum / keep;
}

function median3(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
