// What tsc does not see in the scripts of reports' pages and of frames, and in their tests.
const js = require("@eslint/js");
const globals = require("globals");

module.exports = [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "max-lines": ["error", 500],
      "no-shadow": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["nbexp/reports/assets/*.js"],
    languageOptions: { sourceType: "script", globals: globals.browser },
  },
  {
    files: ["nbexp/render/frame/*.js"],
    languageOptions: {
      sourceType: "script",
      globals: {
        ...globals.browser, Bokeh: "readonly", nbexp: "readonly", Plotly: "readonly",
        vegaEmbed: "readonly",
      },
    },
  },
  {
    files: ["eslint.config.js", "tests/**/*.js"],
    languageOptions: { sourceType: "commonjs", globals: globals.node },
  },
];
