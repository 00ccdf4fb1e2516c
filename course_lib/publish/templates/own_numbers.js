// Two stories of course_lib.frames, made here from numbers in the address: the input gradient by scatter and by gather.
// A player adds the products up; what it needs is which cells each step reads and writes, and its words.

const MOST = 12;

/**
 * The numbers of a text such as "1, -2, 0.5", or an Error that says what is wrong with it.
 * @param {string} name
 * @param {string} text
 * @returns {number[]}
 */
export function numbersOf(name, text) {
  const numbers = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  if (!numbers.length || numbers.length > MOST || !numbers.every((one) => Math.abs(one) <= 1e6)) {
    throw new Error(`${name} must be 1 to ${MOST} numbers with commas between them, such as 1, -2, 0.5, but is: ${text}`);
  }
  return numbers;
}

/**
 * @param {number[]} dy
 * @param {number[]} w
 * @param {(value: number) => string} write a number as the player writes it
 */
export function scatterAndGather(dy, w, write) {
  const [m, k] = [dy.length, w.length];
  const [n, reach] = [m + k - 1, k - 1];
  const mark = (key, text) => `{${key}|${text}}`;
  const bracketed = (value) => (write(value).startsWith("−") ? `(${write(value)})` : write(value));
  const all = (count, make) => Array.from({ length: count }, (_, at) => make(at));
  const listed = (key, values) => `(${values.map((value) => mark(key, write(value))).join(", ")})`;
  const cells = (key, places) => `(${places.map((at) => mark(key, `${key}[${at}]`)).join(", ")})`;

  const scatter = all(m, (i) => ({
    sentence: `dy[${i}] = ${write(dy[i])} goes back to the window that made y[${i}]. Each input receives it times the weight it went through.`,
    formula: `${cells("dx", all(k, (j) => i + j))} += ${mark("dy", `dy[${i}]`)} · ${cells("w", all(k, (j) => j))}`,
    numbers: `+= ${mark("dy", bracketed(dy[i]))} · ${listed("w", w)} = ${listed("dx", w.map((one) => dy[i] * one))}`,
    flows: [flow(all(k, (j) => i + j), [2, i], [1, all(k, (j) => j)])],
    moves: { 1: [i, MIDDLE] },
    beside: `j = ${i}, dy[j] = ${write(dy[i])}`,
  }));

  const padded = [...all(reach, () => 0), ...dy, ...all(reach, () => 0)];
  const turned = [...w].reverse();
  const gather = all(n, (i) => {
    const reads = all(k, (j) => i + j);
    const fed = reads.map((at) => at - reach).filter((at) => at >= 0 && at < m);
    const sum = reads.reduce((total, at, j) => total + padded[at] * turned[j], 0);
    const name = (at) => mark("dy", at < reach || at >= reach + m ? "0" : `dy[${at - reach}]`);
    const products = reads.map((at, j) => `${name(at)}·${mark("w", `w[${reach - j}]`)}`).join(" + ");
    const values = reads.map((at, j) => `${mark("dy", bracketed(padded[at]))}·${mark("w", bracketed(turned[j]))}`);
    return {
      sentence: whoItFed(i, fed),
      formula: `${mark("dx", `dx[${i}]`)} = ${products}`,
      numbers: `= ${values.join(" + ")} = ${mark("dx", write(sum))}`,
      flows: [flow(all(k, () => i), [2, reads], [1, all(k, (j) => j)])],
      moves: { 1: [i - reach / 2, MIDDLE] },
      beside: `i = ${i}, dxp[i] = ${write(sum)}`,
    };
  });
  const around = reach ? ` dy gets ${reach} ${reach === 1 ? "zero" : "zeros"} at each end.` : "";
  return [
    {
      title: "Input gradient by scatter: dx",
      box: [-1.1, -0.1, n + 0.1, BOTTOM + 1.1],
      grids: [
        grid("dx", "gradient", all(n, () => 0), [0, 0], { collects: true }),
        grid("w", "kernel", w, [0, MIDDLE]),
        grid("dy", "upstream", dy, [reach / 2, BOTTOM]),
      ],
      steps: [
        step({ sentence: "dx starts as zeros. Every output will hand its gradient back to the inputs it was made of." }),
        ...scatter.map(step),
        step({ sentence: "dx is complete. Where windows overlapped, the shares added up." }),
      ],
      code: null,
    },
    {
      title: "Input gradient by gather: dx",
      box: [-reach / 2 - 1.1, -0.1, n + reach / 2 + 0.1, BOTTOM + 1.1],
      grids: [
        grid("dx", "gradient", all(n, () => 0), [0, 0], { collects: true, empty: true }),
        grid("w", "kernel", turned, [0, MIDDLE], { flipped: true, turns: 1 }),
        grid("dy", "upstream", padded, [-reach / 2, BOTTOM], { pad: [0, reach] }),
      ],
      steps: [
        step({ sentence: `Every input will collect from the outputs it fed.${around}` }),
        step({
          sentence:
            "From the first output that an input fed to the last, it met the weights from the last to the first. So w is turned round.",
          moves: { 1: [-reach / 2, MIDDLE] },
        }),
        ...gather.map(step),
        step({ sentence: "dx is complete: the same numbers as by scatter." }),
      ],
      code: null,
    },
  ];
}

const [MIDDLE, BOTTOM] = [2.1, 4.2];

const flow = (cells, ...factors) => ({ to: 0, cells, factors, scale: 1 });

const step = (given) => ({
  ...{ sentence: "", formula: "", numbers: "", line: null, flows: [], moves: {}, looks: {}, beside: "" },
  ...given,
});

const grid = (key, role, values, at, given) => ({
  ...{ key, name: key, role, shape: [1, values.length], values, at, pitch: [1, 1], pad: [0, 0], gaps: [1, 1] },
  ...{ flipped: false, turns: 0, prefix: [], folded: 0, ndim: 1, collects: false, empty: false, picture: false },
  ...{ scale: 1, caption: "", untouched: [] },
  ...given,
});

function whoItFed(i, fed) {
  const named = fed.map((at) => `y[${at}]`);
  const who = named.length === 1 ? named[0] : `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;
  const weights = named.length === 1 ? "the weight between them" : "the weight between them, and adds up";
  return `x[${i}] fed ${who}. It takes back ${named.length === 1 ? "its" : "their"} dy times ${weights}.`;
}
