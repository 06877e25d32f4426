import Interventions

/// How options name sites, for their help.
enum SiteNames {
    static let help = """
        Kinds: \(PatchSites.Kind.allCases.map(\.rawValue).joined(separator: ", ")). A name may be written without hook_, and end in the number \
        of one head, expert or neuron: blocks.0.attn.z.3. Repeatable; several sites can be separated by commas.
        """
}
