// What Python's `pack` made: a length, a JSON header of that length, then bytes; zlib, base64.
async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const all = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(all.buffer).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + size)));
  return { about, bytes: all.subarray(4 + size) };
}

// Thousandths, all low bytes before all high bytes: they compress better apart.
function thousandth(bytes, index) {
  return bytes[index] | (bytes[index + bytes.length / 2] << 8);
}

// Every copy of a view on the page that is still a picture is brought to life, once.
async function mount(id, draw) {
  for (const root of document.querySelectorAll(`[data-view="${id}"]:not([data-live])`)) {
    root.dataset.live = "starting";
    try {
      await draw(root);
      root.querySelector(".helpers-still")?.remove();
      root.dataset.live = "yes";
      performance.mark("helpers-live");
    } catch (error) {
      root.dataset.live = "failed";
      console.warn("The picture stays a picture:", error);
    }
  }
}
