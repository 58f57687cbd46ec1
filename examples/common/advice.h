/* The advice of five documents on losses that the trainers put to the test. */
#ifndef EXAMPLES_ADVICE_H
#define EXAMPLES_ADVICE_H

typedef struct tested_advice {
    const char *id;      /* the document's key and a letter: "guide-a" */
    const char *program; /* that tests it */
    const char *words;
} tested_advice;

extern const tested_advice tested_advices[];
extern const int n_tested_advices;

/* "" if there is none of that id. */
const char *advice_in_words(const char *id);

#endif
