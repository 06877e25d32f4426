import ArgumentParser
import Modularity

extension Measure: ExpressibleByArgument {}
