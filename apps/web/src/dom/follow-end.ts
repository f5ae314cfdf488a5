/** Keeps the end of a growing text in view, unless a person scrolled away from it. */
export interface FollowEnd {
  /** From now on, follows. */
  follow(): void;
  /** To be called after the text grew. */
  keep(): void;
}

/** Makes a {@link FollowEnd} for an element that scrolls. */
export function followEnd(scroller: HTMLElement): FollowEnd {
  let following = false;
  const distance = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
  const leave = () => {
    following = distance() < 40;
  };
  for (const event of ["wheel", "touchmove", "pointerup", "keyup"]) {
    scroller.addEventListener(event, () => requestAnimationFrame(leave), { passive: true });
  }
  return {
    follow() {
      following = true;
    },
    keep() {
      if (following) scroller.scrollTop = scroller.scrollHeight;
    },
  };
}
