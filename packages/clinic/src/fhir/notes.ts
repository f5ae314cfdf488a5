import { attachedText } from "./attachments.ts";
import { htmlToText } from "./html.ts";
import { child, children, type Node, text } from "./reader.ts";

/** The texts of a Composition, DocumentReference or DiagnosticReport, in their order. @throws FhirError */
export function noteTexts(resource: Node, binaries: ReadonlyMap<string, Node>): string[] {
  switch (text(resource, "resourceType")) {
    case "Composition": {
      const sections = children(resource, "section").flatMap(sectionTexts);
      return sections.length > 0 ? sections : narrativeOf(resource);
    }
    case "DocumentReference": {
      const status = text(resource, "status");
      if (status === "entered-in-error" || status === "superseded") return [];
      // Contents of one document are its formats: the first that is text is enough.
      for (const content of children(resource, "content")) {
        const attachment = child(content, "attachment");
        const found = attachment && attachedText(attachment, binaries);
        if (found !== undefined) return [found];
      }
      return [];
    }
    case "DiagnosticReport": {
      if (text(resource, "status") === "entered-in-error") return [];
      const forms = children(resource, "presentedForm").flatMap((form) => attachedText(form, binaries) ?? []);
      return [...forms.slice(0, 1), ...[text(resource, "conclusion") ?? []].flat()];
    }
    default:
      return [];
  }
}

/** Sections within sections, as deep as JSON may be (readJson). */
function sectionTexts(section: Node): string[] {
  const title = text(section, "title");
  const own = narrativeOf(section).map((body) => (title === undefined ? body : `${title}:\n${body}`));
  return [...own, ...children(section, "section").flatMap(sectionTexts)];
}

function narrativeOf(node: Node): string[] {
  const narrative = child(node, "text");
  const div = narrative && text(narrative, "div");
  return div === undefined ? [] : [htmlToText(div)].filter((body) => body !== "");
}
