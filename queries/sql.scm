; SQL text.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#any-of? @_f "RunSQL" "RawSQL" "read_sql" "read_sql_query")
  (#set! role "sql") (#set! kind "raw-sql"))

; `connection.cursor().execute(sql)`, `M.objects.all().raw(sql)`
(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#any-of? @_f "execute" "executemany" "executescript" "execute_many" "raw")
  (#set! role "sql") (#set! kind "raw-sql"))

; `RunSQL(sql, reverse_sql)`
(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) . (_) @target)
  (#eq? @_f "RunSQL")
  (#set! role "sql") (#set! kind "raw-sql"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#any-of? @_f "RunSQL" "RawSQL" "execute" "executemany" "raw" "read_sql" "read_sql_query")
  (#any-of? @_k "sql" "reverse_sql" "query" "raw_query" "operation" "statement")
  (#set! role "sql") (#set! kind "raw-sql"))

; Every value of `.extra(select=…, where=…, tables=…)` holds pieces of SQL.
(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#eq? @_f "extra")
  (#any-of? @_k "select" "where" "tables" "order_by" "params" "select_params")
  (#set! role "sql") (#set! kind "raw-sql"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list
    (keyword_argument
      name: (identifier) @_k
      value: [
        (list [(string) (concatenated_string)] @target)
        (tuple [(string) (concatenated_string)] @target)
        (dictionary (pair value: [(string) (concatenated_string)] @target))]))
  (#eq? @_f "extra")
  (#any-of? @_k "select" "where" "tables" "order_by")
  (#set! role "sql") (#set! kind "raw-sql"))
