// A photograph gives the same answer on every host: decoded, resized, classified. Hosts that take `thimble/data` run it beside the program.

/** A ring of 24×20 pixels, in colour. */
const JPEG = `
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5ESUM8SDc9Pjv/2wBDAQoLCw4NDhwQEBw7
KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozv/wAARCAAUABgDASIAAhEBAxEB/8QAGAABAQEBAQAAAAAAAAAAAAAAAAYFAQL/xAAoEAAB
AwMDAwQDAQAAAAAAAAABAgMRAAQhBQYxEhNhFCJBUUJxgaH/xAAXAQEAAwAAAAAAAAAAAAAAAAAEAAMF/8QAHxEAAgICAwADAAAAAAAAAAAAAQIDEQAEEiExQVHw/9oADAMBAAIRAxEA
PwCO2/oLmuakm0QvtJCStbkT0geJE5IH9qn9HsVhJtFOuuLAUDcyskGccDpPOIBGM+e7DdbafvLMuKbduEJLahH4zMT8+6eDwaxjoeotPdlVjcdecBsmYwSI5GRkfYo00jT7LxvIUCgV
Rq79P7rJE/GNWAu89a9t5Oj3DJYe9Ra3CStpzHE8YOcFOcTNKotxD0+3tN015RVcJCVKBKT0gJIjHkwP0c0q3S2XkhBc2e+/uj7i2k4msmbda2HA6y4ttaeFIUQR/RW+3uzUwx2yWVKg
juFHu/eDH+UpR96NHClgD3mLpuwsA/GZz77148Xbh1Tqz8qPHgfQzxSlKQAF6GJUk+5//9k=
`;

/**
 * @param runtime the exports of `thimble/runtime`
 * @param data the exports of `thimble/data`
 * @param bytes of digits.thimble, which says how it wants its pictures
 * @returns the probability of each class: from the JPEG, then from the same pixels as PNG, and in a browser from an ImageBitmap
 */
export async function photograph({ runtime, data, model: bytes }) {
  const model = await runtime.load(bytes, { flavour: 'simd' });
  const jpeg = Uint8Array.from(atob(JPEG.replaceAll(/\s/g, '')), (c) => c.charCodeAt(0));
  const png = data.encodePng(await data.decodeImage(jpeg));
  const given = [jpeg, png];
  if (globalThis.document) given.push(data.imageOfBitmap(await createImageBitmap(new Blob([png], { type: 'image/png' }))));
  const answers = [];
  for (const picture of given) {
    const verdicts = await data.classify(model, picture);
    answers.push(JSON.stringify(verdicts.map(({ label, probability }) => [label, probability])));
  }
  if (new Set(answers).size !== 1) throw new Error(`one picture, ${answers.length} answers:\n${answers.join('\n')}`);
  return answers[0];
}
