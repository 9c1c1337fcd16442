; Models given to an admin site: `admin.site.register(M, MAdmin)`, `site.register([M, N])`, `@admin.register(M, N)`.

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (_) @target)
  (#eq? @_f "register") (#match? @_o "[sS]ite$")
  (#set! role "admin") (#set! kind "admin") (#set! access "read-write"))

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . [(list (_) @target) (tuple (_) @target)])
  (#eq? @_f "register") (#match? @_o "[sS]ite$")
  (#set! role "admin") (#set! kind "admin") (#set! access "read-write"))

(decorator
  (call
    function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
    arguments: (argument_list (_) @target))
  (#eq? @_f "register")
  (#set! role "admin") (#set! kind "admin") (#set! access "read-write"))
