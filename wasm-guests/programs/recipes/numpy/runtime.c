/* CPython as a component: the functions of wit/world.wit, by the canonical ABI, over Python's own C API. */

#include <Python.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* Both know files that the next host has not opened. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("reset_adapter_state"))) void
reset_adapter_state(void);
extern void __wasilibc_reset_preopens(void);

/* One namespace for all calls; what fails gives its traceback. */
static const char RUN[] =
    "import contextlib, io, traceback\n"
    "namespace = {'__name__': '__sandbox__'}\n"
    "def run(code):\n"
    "    printed = io.StringIO()\n"
    "    try:\n"
    "        with contextlib.redirect_stdout(printed):\n"
    "            exec(compile(code, '<sandbox>', 'exec'), namespace)\n"
    "        return 0, printed.getvalue()\n"
    "    except BaseException:\n"
    "        return 1, traceback.format_exc()\n";

/* Python's run(), once the interpreter is there. */
static PyObject *run_function;

static void die(void) {
    PyErr_Print();
    __builtin_trap();
}

static void initialise(void) {
    if (run_function)
        return;
    Py_InitializeEx(0);
    PyObject *module = PyModule_New("__runtime__");
    PyObject *names = PyModule_GetDict(module);
    PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins());
    if (!PyRun_String(RUN, Py_file_input, names, names))
        die();
    run_function = PyDict_GetItemString(names, "run");
    Py_INCREF(run_function);
}

/* How the host gets room for arguments. Memory of no bytes is any aligned address. */
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size;
    return size ? realloc(old, size) : (void *)align;
}

/* result<string, string> in memory. */
struct result {
    unsigned char failed;
    char *text;
    size_t size;
};

EXPORT("run") struct result *run(char *code, size_t size) {
    initialise();
    PyObject *argument = PyUnicode_FromStringAndSize(code, size);
    if (size)
        free(code);
    PyObject *pair = argument ? PyObject_CallOneArg(run_function, argument) : NULL;
    if (!pair)
        die();
    Py_DECREF(argument);

    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(pair, 1), &length);
    struct result *result = malloc(sizeof *result);
    if (!text || !result || !(result->text = malloc(length + 1)))
        die();
    result->failed = PyLong_AsLong(PyTuple_GET_ITEM(pair, 0)) != 0;
    result->size = length;
    memcpy(result->text, text, length);
    Py_DECREF(pair);
    return result;
}

/* Called when the host has read the result. */
EXPORT("cabi_post_run") void post_run(struct result *result) {
    free(result->text);
    free(result);
}

EXPORT("finalize-preinit") void finalize_preinit(void) {
    initialise();
    __wasilibc_reset_preopens();
    reset_adapter_state();
}
