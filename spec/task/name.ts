const LONGEST = 41;

/** dstack's rule for a run's name: 2 to 41 characters, a letter first. */
export const NAME_RULE = /^[a-z][a-z0-9-]{1,40}$/;

/** A valid task name made from any workflow id; a name that is valid already stays as it is. */
export function slugName(workflowId: string): string {
  if (NAME_RULE.test(workflowId)) return workflowId;
  const slug = trimDashes(
    workflowId
      .slice(0, 1_000)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-'),
  );
  const named = /^[a-z]./.test(slug) ? slug : trimDashes(`run-${slug}`);
  return trimDashes(named.slice(0, LONGEST));
}

function trimDashes(text: string): string {
  return text.replace(/^-+|-+$/g, '');
}
