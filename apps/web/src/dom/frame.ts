/** Wraps `paint` so that it runs once a frame, however often it is asked for: streams may come faster than the screen. */
export function oncePerFrame(paint: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      paint();
    });
  };
}
