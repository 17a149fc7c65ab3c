/** What the command line asks for. Times are milliseconds. */
export interface Options {
  foreground: boolean;
  configFile: string | undefined;
  datadir: string | undefined;
  adminInterfaces: string | undefined;
  uuid: string | undefined;
  initial: boolean;
  reload: boolean;
  noStart: boolean;
  showVersion: boolean;
}

const FLAGS = new Set([
  "-e",
  "--exit-on-error",
  "-M",
  "--no-monitor",
  "--no-version-check",
  "-r",
  "--reuseport",
]);

/** Reads ProxySQL's options (lib/ProxySQL_GloVars.cpp:249-312). Throws when one lacks its value. */
export function parseOptions(argv: readonly string[]): Options {
  const options: Options = {
    foreground: false,
    configFile: undefined,
    datadir: undefined,
    adminInterfaces: undefined,
    uuid: undefined,
    initial: false,
    reload: false,
    noStart: false,
    showVersion: false,
  };
  const rest = [...argv];
  while (rest.length > 0) {
    const option = rest.shift();
    if (option === undefined) break;
    if (FLAGS.has(option)) continue;
    applyOption(options, option, rest);
  }
  return options;
}

function applyOption(options: Options, option: string, rest: string[]): void {
  switch (option) {
    case "-f":
    case "--foreground":
      options.foreground = true;
      return;
    case "-n":
    case "--no-start":
      options.noStart = true;
      return;
    case "--initial":
      options.initial = true;
      return;
    case "--reload":
      options.reload = true;
      return;
    case "-V":
    case "--version":
      options.showVersion = true;
      return;
    case "-c":
    case "--config":
      keepFirst(options, takeValue(option, rest));
      return;
    case "-D":
    case "-d":
    case "--datadir":
      options.datadir = takeValue(option, rest);
      return;
    case "-S":
    case "--admin-socket":
      options.adminInterfaces = takeValue(option, rest);
      return;
    case "-U":
    case "--uuid":
      options.uuid = takeValue(option, rest);
      return;
    default:
      // ProxySQL starts all the same.
      return;
  }
}

/** Given twice, the first file counts. */
function keepFirst(options: Options, file: string): void {
  options.configFile ??= file;
}

function takeValue(option: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined) throw new Error(`option ${option} needs a value`);
  return value;
}
