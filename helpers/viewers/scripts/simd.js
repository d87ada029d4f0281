// The inner loop of gpt2.js in WebAssembly, four numbers at a time: some four times as fast. The
// few instructions are put together here, so that a reader sees them; browsers that do not know
// them (Safari before 16.4) use the plain loop.

const WASM = (() => {
  const number = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...number(n >> 7)]); // LEB128
  const counted = (items) => [...number(items.length), ...items.flat()];
  const section = (id, body) => [id, ...number(body.length), ...body];
  const simd = (code) => [0xfd, ...number(code)];

  const get = (local) => [0x20, local];
  const set = (local) => [0x21, local];
  const integer = (value) => [0x41, value];
  const add = [0x6a];
  const load = (pointer, k) => [...get(pointer), ...get(k), ...add, ...simd(0), 0, 0];

  // Parameters, then locals: addresses of four rows of x, two rows of weights; two columns of sums.
  const [x, w, bias, out, width, columns] = [0, 1, 2, 3, 4, 5];
  const [x1, x2, x3, w1, k, stride, o] = [6, 7, 8, 9, 10, 11, 12];
  const rows = [x, x1, x2, x3];
  const sums = [[13, 14], [15, 16], [17, 18], [19, 20]];
  const [read, weight, other] = [21, 22, 23];

  const zero = (local) => [...simd(12), ...Array(16).fill(0), ...set(local)];
  const multiply = (sum, factor) => [...get(sum), ...get(read), ...get(factor), ...simd(0xe6), ...simd(0xe4), ...set(sum)];
  const lane = (sum, i) => [...get(sum), ...simd(0x1f), i];
  const total = (sum) => [...lane(sum, 0), ...lane(sum, 1), 0x92, ...lane(sum, 2), ...lane(sum, 3), 0x92, 0x92];
  const store = (sum, offset) => [...get(o), ...total(sum), ...get(bias), 0x2a, 2, offset, 0x92, 0x38, 2, offset];
  const move = (local, by) => [...get(local), ...by, ...add, ...set(local)];
  const loop = (body, again) => [0x03, 0x40, ...body, ...again, 0x0d, 0, 0x0b];

  const code = [
    ...get(x), ...get(width), ...add, ...set(x1),
    ...get(x1), ...get(width), ...add, ...set(x2),
    ...get(x2), ...get(width), ...add, ...set(x3),
    ...get(columns), ...integer(2), 0x74, ...set(stride), // four bytes a column
    ...loop(
      [
        ...get(w), ...get(width), ...add, ...set(w1),
        ...sums.flat().flatMap(zero),
        ...integer(0), ...set(k),
        ...loop(
          [
            ...load(w, k), ...set(weight),
            ...load(w1, k), ...set(other),
            ...rows.flatMap((row, i) => [
              ...load(row, k), ...set(read),
              ...multiply(sums[i][0], weight), ...multiply(sums[i][1], other),
            ]),
            ...move(k, integer(16)),
          ],
          [...get(k), ...get(width), 0x49],
        ),
        ...get(out), ...set(o),
        ...sums.flatMap(([one, two]) => [...store(one, 0), ...store(two, 4), ...move(o, get(stride))]),
        ...get(w1), ...get(width), ...add, ...set(w),
        ...move(bias, integer(8)),
        ...move(out, integer(8)),
        ...get(columns), ...integer(2), 0x6b, ...set(columns),
      ],
      get(columns),
    ),
    0x0b,
  ];
  const locals = [[7, 0x7f], [11, 0x7b]]; // how many, of which type: i32, v128
  const body = [...counted(locals), ...code];
  const name = (text) => counted([...text].map((letter) => letter.charCodeAt(0)));
  return new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, counted([[0x60, ...counted(Array(6).fill(0x7f)), 0]])), // six integers, no result
    ...section(2, counted([[...name("m"), ...name("m"), 2, 0, 1]])), // the memory, given
    ...section(3, counted([[0]])),
    ...section(7, counted([[...name("f"), 0, 0]])),
    ...section(10, counted([[...number(body.length), ...body]])),
  ]);
})();

// Room for so many floats: `take(size)` hands out arrays; `product` is the fast loop, or null.
function makeRoom(floats) {
  let place = 0;
  const room = (buffer, product) => ({
    product,
    take: (size) => {
      const array = new Float32Array(buffer, place, size);
      place += 4 * ((size + 3) & ~3);
      return array;
    },
  });
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * floats) / 65536) });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(WASM), { m: { m: memory } });
    return room(memory.buffer, exports.f);
  } catch {
    return room(new ArrayBuffer(4 * floats), null);
  }
}
