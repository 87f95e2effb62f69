import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules', 'dist', '.tap', 'results', '**/testdata/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'bin/*.js', '.dependency-cruiser.cjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      // Ways out of the middle of an instruction of the model, caught by its runner.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allow: [{ from: 'file', name: ['GuestFault', 'ModelStop'] }] },
      ],
      eqeqeq: 'error',
      'max-lines': ['warn', 300],
      'max-lines-per-function': ['warn', { max: 60, skipComments: true, IIFEs: true }],
      'no-control-regex': 'off',
    },
  },
  {
    // Tests: tap's own functions return promises that tap itself awaits.
    files: ['**/*.test.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off', 'max-lines-per-function': 'off' },
  },
  {
    // process.exit, process.env and argv belong to the door.
    files: ['harness/**/*.ts'],
    ignores: ['harness/cli/**', '**/*.test.ts', '**/testdata/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only harness/cli ends the process.' },
        { object: 'process', property: 'env', message: 'Only harness/cli reads the environment.' },
        { object: 'process', property: 'argv', message: 'Only harness/cli reads argv.' },
      ],
    },
  },
  { files: ['**/*.js', '**/*.cjs'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['**/*.cjs', 'bin/*.js'],
    languageOptions: {
      globals: { module: 'writable', require: 'readonly', process: 'readonly', URL: 'readonly' },
    },
  },
);
