"""Takes a .test file of the mysqltest language apart into commands.

The language is described in MariaDB's client/mysqltest.cc (read_line, read_query) and its documentation. Files are
read as Latin-1, so that every byte is one character and goes to the server as it was.
"""

import re

BLOCKS = ("if", "while")
WITH_BODY = ("write_file", "append_file", "perl")       # lines up to an end mark follow
COMMANDS = frozenset("""
    append_file assert cat_file change_user character_set chmod connect connection copy_file copy_files_wildcard dec
    delimiter die diff_files dirty_close disable_abort_on_error disable_cursor_protocol disable_connect_log
    disable_info disable_metadata disable_non_blocking_api disable_parsing disable_prepare_warnings
    disable_ps2_protocol disable_ps_protocol disable_query_log disable_reconnect disable_result_log disable_rpl_parse
    disable_service_connection disable_session_track_info disable_view_protocol disable_warnings disconnect echo
    enable_abort_on_error enable_connect_log enable_cursor_protocol enable_info enable_metadata
    enable_non_blocking_api enable_parsing enable_prepare_warnings enable_ps2_protocol enable_ps_protocol
    enable_query_log enable_reconnect enable_result_log enable_rpl_parse enable_service_connection
    enable_session_track_info enable_view_protocol enable_warnings end error eval evalp exec execw exit
    file_exists force-cpdir force-rmdir horizontal_results if inc let list_files list_files_append_file
    list_files_write_file lowercase_result mkdir move_file optimizer_trace perl ping ps_prepare ps_execute query
    query_horizontal query_vertical real_sleep reap remove_file remove_files_wildcard replace_column replace_regex
    replace_result require reset_connection result result_format rmdir save_master_pos send send_eval
    send_shutdown send_quit shutdown_server skip sleep sorted_result source start_timer end_timer
    sync_slave_with_master sync_with_master system unbuffered_results vertical_results wait_for_slave_to_stop while
    write_file query_get_value
""".split())

WORD = re.compile(r"[A-Za-z_-]+")


class ParseError(Exception):
    """The file is not what this reader knows; the text says where."""


class Command:
    """One command. name is a word of COMMANDS, or "" for SQL; body holds the commands of a block or a file's lines."""

    __slots__ = ("name", "text", "body", "line")

    def __init__(self, name, text, line, body=None):
        self.name = name
        self.text = text
        self.line = line
        self.body = body

    def __repr__(self):
        return f"{self.line}: {self.name} {self.text[:60]!r}"


class Parser:
    def __init__(self, text):
        self.text = text
        self.at = 0
        self.delimiter = ";"

    def line(self):
        return self.text.count("\n", 0, self.at) + 1

    def commands(self, nested=False):
        """All commands up to the end, or up to the '}' of the block that was just entered."""
        found = []
        while True:
            self._skip_blank()
            if self.at >= len(self.text):
                if nested:
                    raise ParseError("a block is not closed")
                return found
            if self.text[self.at] == "}":
                self.at += 1
                if not nested:
                    continue            # mysqltest would complain; nothing depends on it
                return found
            command = self._command()
            if command is None:
                continue
            if command.name == "end" and nested:
                return found
            found.append(command)

    def _skip_blank(self):
        """White space, comments and delimiters that stand alone."""
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            elif self.text[self.at] == "#":
                self._rest_of_line()
            elif self.text.startswith(self.delimiter, self.at):
                self.at += len(self.delimiter)
            else:
                return

    def _rest_of_line(self):
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        line, self.at = self.text[self.at:end], end + 1
        return line.rstrip("\r")

    def _command(self):
        line = self.line()
        if self.text.startswith("--", self.at):
            return self._dashed(line)
        word = WORD.match(self.text, self.at)
        name = word.group().lower() if word else ""
        if name in BLOCKS and self.text[word.end():].lstrip().startswith("("):
            self.at = word.end()
            return self._block(name, line)
        text = self._until_delimiter()
        if name not in COMMANDS:
            return Command("", text.strip(), line) if text.strip() else None
        return self._named(name, text.lstrip()[len(name):].strip(), line)

    def _dashed(self, line):
        """--command up to the end of the line; anything else after -- is a comment."""
        start = self.at
        while self.text.startswith("-", self.at):
            self.at += 1
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        word = WORD.match(self.text, self.at)
        name = word.group().lower() if word else ""
        if name in BLOCKS:
            self.at = word.end()
            return self._block(name, line)
        rest = self._rest_of_line()
        if name not in COMMANDS or self.at - start < 3:
            return None
        return self._named(name, rest[len(name):].strip().removesuffix(self.delimiter), line)

    def _named(self, name, text, line):
        if name == "delimiter":
            self.delimiter = text.strip() or ";"
            return None
        if name in WITH_BODY:
            words = text.split()
            mark = words[-1] if len(words) > (0 if name == "perl" else 1) else "EOF"
            return Command(name, text, line, self._lines_until(mark.rstrip(";")))
        return Command(name, text, line)

    def _lines_until(self, mark):
        lines = []
        if self.at < len(self.text) and self.text[self.at] == "\n":
            self.at += 1
        while self.at < len(self.text):
            read = self._rest_of_line()
            if read.strip() == mark:
                break
            lines.append(read)
        return lines

    def _block(self, name, line):
        condition = self._until_brace()
        return Command(name, condition, line, self.commands(nested=True))

    def _until_brace(self):
        start, quote = self.at, ""
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"`":
                quote = char
            elif char == "{":
                return self.text[start:self.at - 1].strip()
        raise ParseError(f"line {self.line()}: a block without '{{'")

    def _until_delimiter(self):
        """The rest of a statement; a delimiter within quotes does not end it."""
        start, quote = self.at, ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if not quote and self.text.startswith(self.delimiter, self.at):
                text = self.text[start:self.at]
                self.at += len(self.delimiter)
                return text
            self.at += 1
            if quote:
                if char == "\\" and quote != "`":
                    self.at += 1
                elif char == quote:
                    quote = ""
            elif char in "'\"`":
                quote = char
        return self.text[start:]


def parse_file(path):
    with open(path, encoding="latin-1", newline="") as file:
        return Parser(file.read().replace("\r\n", "\n")).commands()
