/// How pages look: no font, colour or picture from elsewhere; light and dark as the reader's system has it; on paper without what is for
/// screens alone.
enum PageStyle {
    /// Text on its ground has a contrast of at least 4.5 in both themes.
    static let text = """
        :root{--ground:#ffffff;--ink:#1c1c1c;--faint:#595959;--line:#d4d4d4;--soft:#f3f4f6;--link:#0b57a4;--mark:#b45309;--hint:#fff7ed;--bad:#a8071a}
        @media screen and (prefers-color-scheme:dark){
        :root{--ground:#16181c;--ink:#e8e8e8;--faint:#b0b0b0;--line:#3a3e45;--soft:#22252b;--link:#8ab8ff;--mark:#f0a95a;--hint:#2b2418;--bad:#ff9c9c}
        }
        *{box-sizing:border-box}
        html{background:var(--ground);color:var(--ink);font:16px/1.55 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif}
        body{max-width:52rem;margin:0 auto;padding:1.5rem 1rem 3rem}
        h1{font-size:1.7rem;line-height:1.25;margin:0 0 .75rem;overflow-wrap:anywhere}
        h2{font-size:1.3rem;line-height:1.3;margin:2.5rem 0 .75rem;padding-top:.9rem;border-top:1px solid var(--line)}
        h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
        p,ul,ol,dl,figure,pre,details,table{margin:0 0 1rem}
        li{margin:.15rem 0}
        a{color:var(--link)}
        a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px}
        .skip{position:absolute;left:-9999px}
        .skip:focus{left:1rem;top:.5rem;background:var(--ground);padding:.25rem .5rem}
        nav h2{font-size:1rem;margin:1.5rem 0 .25rem;padding:0;border:0}
        nav ol{margin:0;padding-left:1.5rem;columns:15rem 2}
        nav li{margin:0;padding:.15rem 0;break-inside:avoid}
        dl>div{display:grid;grid-template-columns:9.5rem 1fr;gap:0 1rem;padding:.2rem 0}
        dt{color:var(--faint)}
        dd{margin:0;overflow-wrap:anywhere;min-width:0}
        /* Paths and names of tensors read from the left whatever their letters, in the text as in the figures. */
        bdi.name{direction:ltr;unicode-bidi:isolate;overflow-wrap:anywhere}
        .paper{display:none}
        code,pre{font-family:ui-monospace,"DejaVu Sans Mono","Liberation Mono",Menlo,Consolas,monospace;font-size:.84em}
        pre{background:var(--soft);padding:.6rem .8rem;border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.45}
        pre code{font-size:1em}
        pre span{white-space:nowrap}
        .notice{background:var(--hint);border-left:4px solid var(--mark);padding:.5rem .8rem;overflow-wrap:anywhere}
        figure{margin:1.25rem 0 .75rem}
        .picture{overflow-x:auto;border:1px solid var(--line);border-radius:4px;background:var(--ground);padding:.25rem}
        .picture svg{display:block;max-width:100%;min-width:36rem;height:auto;margin:0 auto}
        figcaption{color:var(--faint);font-size:.92rem;margin-top:.4rem;overflow-wrap:anywhere}
        figcaption strong{color:var(--ink)}
        summary{cursor:pointer;color:var(--link);overflow-wrap:anywhere}
        details[open]>summary{margin-bottom:.4rem}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;font-size:.87rem;line-height:1.4}
        caption{text-align:left;color:var(--faint);padding-bottom:.3rem}
        th,td{text-align:left;padding:.2rem .7rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:normal}
        thead th{font-weight:bold;white-space:nowrap}
        th:last-child,td:last-child{padding-right:0}
        th bdi.name{overflow-wrap:normal}
        .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
        .remark{color:var(--faint);font-size:.87rem}
        footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.75rem;color:var(--faint);font-size:.87rem}
        footer p{margin:0}
        @media screen and (max-width:34rem){
        dl>div{grid-template-columns:1fr;padding:.35rem 0}
        nav ol{columns:1}
        }
        @media screen and (max-width:38rem){
        figcaption::after{content:" The picture is wider than the screen and can be moved sideways."}
        }
        @media print{
        @page{margin:16mm 14mm}
        html{font-size:10.5pt}
        body{max-width:none;padding:0}
        nav,.skip,details.long{display:none}
        a{color:inherit;text-decoration:none}
        h2,h3,summary,caption,thead{break-after:avoid}
        tbody tr:nth-child(-n+2){break-after:avoid}
        tbody tr:nth-last-child(-n+2){break-before:avoid}
        .paper{display:block}
        figure,.picture,pre,tr,.notice,dl>div{break-inside:avoid}
        figcaption{break-before:avoid}
        .picture{border:0;overflow:visible;padding:0}
        .picture svg{min-width:0;max-height:225mm}
        .scroll{overflow:visible}
        pre{border:1px solid var(--line)}
        details::details-content{content-visibility:visible;block-size:auto;display:block}
        summary{color:var(--faint);list-style:none}
        table{font-size:.78rem;max-width:100%}
        thead th,thead th.number{white-space:normal;overflow-wrap:normal}
        td,th{padding-right:.45rem}
        tbody td,tbody th bdi.name{overflow-wrap:anywhere}
        tbody td.number{overflow-wrap:normal}
        tbody th{min-width:11em}
        table.wide{font-size:.6rem}
        table.wide td,table.wide th{padding-right:.25rem}
        }

        """
}
