/** Path data of the page's line drawings, on a 24 × 24 grid. */
export const icons = {
  chat: "M4 5h16v11H9l-5 4z",
  play: "M7 4l12 8-12 8z",
  stop: "M6 6h12v12H6z",
  undo: "M9 7L4 12l5 5M4 12h11a5 5 0 0 1 0 10h-2",
  redo: "M15 7l5 5-5 5M20 12H9a5 5 0 0 0 0 10h2",
  again: "M20 11a8 8 0 1 0-2.3 6.2M20 4v7h-7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  blank: "M6 3h8l4 4v14H6zM14 3v4h4",
  tune: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 20V5M5 12l7-7 7 7",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.5",
} as const;
