// Orders that are random, and the same whenever the same rater comes back.

function fnv(text) { // FNV-1a, 64 bits
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

function generator(text) { // mulberry32
  let state = Number(fnv(text) & 0xffffffffn);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, random) {
  const result = [...items];
  for (let k = result.length - 1; k > 0; k -= 1) {
    const other = Math.floor(random() * (k + 1));
    [result[k], result[other]] = [result[other], result[k]];
  }
  return result;
}

function orderFor(rater) { // a clip that comes again does not come again soon
  const random = generator(`${test.id} ${rater}`);
  const gap = Math.floor(test.trials.length / 4);
  let order = [];
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    order = shuffled(test.trials.map((t) => t.id), random);
    const far = test.partners.every(
      ([a, b]) => Math.abs(order.indexOf(a) - order.indexOf(b)) >= gap);
    if (far) break;
  }
  return order;
}
