/** The floors of the house, as docs/architecture.md draws them: arrows point down only. */
const floors = [
  ["cli"],
  ["commands"],
  ["agent", "setup", "doctor"],
  ["http"],
  ["health"],
  ["ship"],
  ["peer"],
  ["snapshot", "fence"],
  ["carp", "proxysql", "orchestrator", "mysql", "lock", "journal", "control", "config"],
  ["switchover"],
  ["role"],
];

const upward = floors.flatMap((floor, index) => {
  const above = floors.slice(0, index).flat();
  const rules = [];
  if (above.length > 0) {
    rules.push({
      name: `${floor.join("-")}-not-upward`,
      severity: "error",
      from: { path: `^src/(${floor.join("|")})/`, pathNot: "\\.test\\.ts$" },
      to: { path: `^src/(${above.join("|")})/` },
    });
  }
  for (const folder of floor.length > 1 ? floor : []) {
    const beside = floor.filter((other) => other !== folder);
    rules.push({
      name: `${folder}-not-sideways`,
      comment: "One concern each: they do not know each other.",
      severity: "error",
      from: { path: `^src/${folder}/`, pathNot: "\\.test\\.ts$" },
      to: { path: `^src/(${beside.join("|")})/` },
    });
  }
  return rules;
});

module.exports = {
  forbidden: [
    ...upward,
    {
      name: "commands-when-called",
      comment: "Loading every command's code costs some 300 ms: an action imports what it needs.",
      severity: "error",
      from: { path: "^src/cli(/|\\.ts$)", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/commands/", dependencyTypesNot: ["dynamic-import", "type-only"] },
    },
    {
      name: "role-is-pure",
      comment: "Roles, lineages and plans are reasoned about, not performed: they import nothing.",
      severity: "error",
      from: { path: "^src/role/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^src/role/" },
    },
    {
      name: "platform-is-the-ground",
      severity: "error",
      from: { path: "^src/platform/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/(?!platform/)" },
    },
    {
      name: "source-knows-no-tests",
      severity: "error",
      from: { path: "^src/", pathNot: "(\\.test\\.ts|/test-[a-z-]+\\.ts)$" },
      to: { path: "^(test|bench|build)/" },
    },
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "everything-resolves",
      comment: "What the demo and the bench import from build/ is there only after a build.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "/build/" },
    },
    {
      name: "runtime-needs-runtime-packages",
      severity: "error",
      from: { path: "^src/", pathNot: "(\\.test\\.ts|/test-[a-z-]+\\.ts)$" },
      to: { dependencyTypes: ["npm-dev"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|build)/" },
  },
};
