import { afterAll, afterEach, describe } from "vitest";
import { createLab, destroyLab, type Lab, type LabOptions, labReport } from "./netns.js";
import { missingForHosts } from "./requirements.js";

/**
 * A suite that needs the simulated hosts: skipped with the reason and the remedy in its title where they cannot be had.
 * What `makeLab` returns is torn down after the suite (with KEEP_HOSTS=1 the hosts' files stay, for a look); a failed
 * test prints the ends of all logs.
 */
export function describeHosts(title: string, define: (makeLab: (options: LabOptions) => Lab) => void): void {
  const missing = missingForHosts();
  const shown = missing === undefined ? title : `${title} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(shown, () => {
    const labs: Lab[] = [];
    afterEach(({ task }) => {
      if (task.result?.state === "fail") {
        for (const lab of labs) {
          console.error(labReport(lab));
        }
      }
    });
    afterAll(() => {
      for (const lab of labs) {
        destroyLab(lab, process.env.KEEP_HOSTS === "1");
      }
    });
    define((options) => {
      const lab = createLab(options);
      labs.push(lab);
      return lab;
    });
  });
}
