/**
 * Other LOINC codes that hospitals send for the same measurement, and the one that stage 1 uses. They differ in how or where it was
 * measured, which the reference ranges do not tell apart.
 */
export const aliases: ReadonlyMap<string, string> = new Map([
  // Body temperature: oral, rectal, axillary, tympanic.
  ["8331-1", "8310-5"],
  ["8332-9", "8310-5"],
  ["8328-7", "8310-5"],
  ["8333-7", "8310-5"],
  // Saturation of arterial blood.
  ["2708-6", "59408-5"],
  // Weight, measured.
  ["3141-9", "29463-7"],
  // Blood counts, not named as automated, or manual.
  ["26464-8", "6690-2"],
  ["804-5", "6690-2"],
  ["26499-4", "751-8"],
  ["26474-7", "731-0"],
  ["711-2", "26449-9"],
  ["26515-7", "777-3"],
  ["26511-6", "770-8"],
  ["26478-8", "736-9"],
  ["26450-7", "713-8"],
  ["20570-8", "4544-3"],
  // Erythrocyte sedimentation rate, Westergren.
  ["4537-7", "30341-2"],
]);
