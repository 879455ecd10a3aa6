/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion for shells, from the table that parses: the shells' parts only ask for it. */
#include "app/ctl.h"

#include <stdio.h>
#include <string.h>

#define PEERS_MAX "1000"

static const char bash[] = "_wgdp_ctl() {\n"
			   "    local IFS=$'\\n'\n"
			   "    COMPREPLY=($(compgen -W \"$(wgdp-ctl complete "
			   "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\" -- "
			   "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
			   "}\n"
			   "complete -o default -F _wgdp_ctl wgdp-ctl\n";

static const char zsh[] =
	"#compdef wgdp-ctl\n"
	"_wgdp_ctl() {\n"
	"    local -a found\n"
	"    found=(${(f)\"$(wgdp-ctl complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
	"    if (( $#found )); then compadd -a found; else _files; fi\n"
	"}\n"
	"compdef _wgdp_ctl wgdp-ctl\n";

int
ctl_completion(struct ctl *c)
{
	if (strcmp(c->args[0], "bash") == 0)
		fputs(bash, stdout);
	else if (strcmp(c->args[0], "zsh") == 0)
		fputs(zsh, stdout);
	else
		return ctl_usage("completion: expected bash or zsh, found '%s'", c->args[0]);
	return CTL_OK;
}

/* A list's names on lines of their own; silence when there is no gateway. */
static void
print_names(struct ctl *c, const char *segments[], const char *query, const char *list)
{
	json_t *answer = NULL, *item;
	long status;
	size_t i;

	if (ctl_try(c, "GET", NULL, false, &answer, segments, query, &status) != CTL_OK)
		return;
	json_array_foreach(json_object_get(answer, list), i, item)
		puts(ctl_text(item, "name"));
	json_decref(answer);
}

static const struct ctl_command_row *
find_row(const char *name)
{
	for (const struct ctl_command_row *r = ctl_commands; r->name != NULL; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

/* Does this word want a value behind it? */
static bool
takes_value(const struct ctl_command_row *row, const char *word)
{
	if (strcmp(word, "--socket") == 0)
		return true;
	for (unsigned i = 0; row != NULL && i < CTL_OPTIONS_MAX && row->options[i].name; i++)
		if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, row->options[i].name) == 0)
			return row->options[i].takes_value;
	return false;
}

static void
print_options(const struct ctl_command_row *row)
{
	puts("--json\n--socket\n--help");
	for (unsigned i = 0; row != NULL && i < CTL_OPTIONS_MAX && row->options[i].name; i++)
		printf("--%s\n", row->options[i].name);
}

int
ctl_complete(struct ctl *c, int n, char **words)
{
	const struct ctl_command_row *row = NULL;
	const char *first = NULL, *last = n > 0 ? words[n - 1] : "";
	unsigned position = 0;

	/* What stands before the word that is being typed. */
	for (int i = 0; i < n - 1; i++) {
		if (takes_value(row, words[i])) {
			if (strcmp(words[i], "--socket") == 0 && i + 1 < n - 1)
				c->socket = words[i + 1];
			if (++i == n - 1)
				return CTL_OK; /* its value: the shell offers files */
		} else if (words[i][0] == '-') {
			continue;
		} else if (row == NULL) {
			row = find_row(words[i]);
			if (row == NULL)
				return CTL_OK;
		} else if (position++ == 0) {
			first = words[i];
		}
	}
	if (last[0] == '-') {
		print_options(row);
	} else if (row == NULL) {
		for (row = ctl_commands; row->name != NULL; row++)
			puts(row->name);
	} else if (position == 0 && row->max_args == 2) {
		print_names(c, (const char *[]){"interfaces", NULL}, NULL, "interfaces");
	} else if (position == 1 && row->max_args == 2 && row->run != ctl_add_peer) {
		print_names(c, (const char *[]){"interfaces", first, "peers", NULL},
			"limit=" PEERS_MAX, "peers");
	} else if (position == 0 && row->run == ctl_completion) {
		puts("bash\nzsh");
	}
	return CTL_OK;
}
